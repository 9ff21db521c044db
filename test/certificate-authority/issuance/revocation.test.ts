import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { revocationGuard } from "../../../services/certificate-authority/approval/guards/revoked.ts";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { CertificateSigner } from "../../../services/certificate-authority/domain/ports.ts";
import { CREDENTIAL_ID_EXTRA, type UserInfo } from "../../../services/shared/user-info.ts";
import { facts } from "../../builders/facts.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { condition, draft, request } from "../../builders/request.ts";
import { bootstrapper, node } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";
import { FakeRevocationLookups } from "../../fakes/revocations.ts";
import { createFakeSigner } from "../../fakes/signing.ts";

const REAL = { dryRun: false };
const FINGERPRINT = "fe".repeat(32);
const renewing: UserInfo = { ...node("worker-1"), extra: { [CREDENTIAL_ID_EXTRA]: [`X509SHA256=${FINGERPRINT}`] } };

/** What is taken back, who asks, and why that is refused. */
const CASES = [
  {
    name: "the certificate it renews",
    requester: renewing,
    take: (known: FakeRevocationLookups) => known.fingerprints.add(FINGERPRINT),
    reason: "RevokedCredential",
  },
  {
    name: "its key",
    requester: bootstrapper(),
    take: (known: FakeRevocationLookups) => known.keys.add(facts().spkiSha256),
    reason: "RevokedKey",
  },
  {
    name: "its node, which renews",
    requester: renewing,
    take: (known: FakeRevocationLookups) => known.nodes.add("worker-1"),
    reason: "NodeQuarantined",
  },
  {
    name: "its node, which joins again",
    requester: bootstrapper(),
    take: (known: FakeRevocationLookups) => known.nodes.add("worker-1"),
    reason: "NodeQuarantined",
  },
];

function harness(
  options: { readonly approves?: boolean; readonly initial?: readonly CertificateSigningRequest[] } = {},
) {
  const known = new FakeRevocationLookups();
  const signer = createFakeSigner(new Date("2036-01-01T00:00:00Z"));
  const verdict = { kind: "approved", reason: "Fine", message: "", evidence: {} } as const;
  const hooks = options.approves ? [{ hook: { name: "fine", review: () => verdict }, required: false }] : [];
  const guards = [{ hook: revocationGuard(known), required: false }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), guards, hooks });
  const overrides = { revocations: known, chain, signer, issuers: signer.issuers };
  const built = buildIssuance({ overrides, ...(options.initial && { initial: options.initial }) });
  return { ...built, signer, known };
}

const conditionsOf = (csr: CertificateSigningRequest | undefined) =>
  (csr?.status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);

test.each(CASES)("admission refuses a request when $name was taken back", async ({ requester, take }) => {
  const { issuance, known, stored, signer } = harness({ approves: true });
  take(known);
  for (const dryRun of [true, false]) {
    await expect(issuance.create(requester, draft(), { dryRun })).rejects.toMatchObject({ reason: "Forbidden" });
  }
  await expect(issuance.rehearse(requester, draft())).rejects.toMatchObject({ reason: "Forbidden" });
  expect(await stored()).toBeUndefined();
  expect(signer.intents).toEqual([]);
});

test.each(CASES)("the chain denies what waits when $name is taken back", async ({ requester, take, reason }) => {
  const { issuance, known, settled, stored, requests } = harness();
  issuance.start();
  await issuance.create(requester, draft(), REAL);
  await settled();
  expect(conditionsOf(await stored())).toEqual([]);
  take(known);
  issuance.revisit();
  await settled();
  expect(conditionsOf(await stored())).toEqual([`Denied ${reason}`]);
  expect(requests.decisions.at(-1)).toMatchObject({ outcome: "denied", hook: "revocation", reason });
});

test.each(CASES)(
  "what a person approved is not signed when $name was taken back",
  async ({ requester, take, reason }) => {
    const { username, groups, extra } = requester;
    const status = { conditions: [condition("Approved")] };
    const { issuance, known, settled, stored, signer } = harness({
      initial: [request({ spec: { username, groups, extra }, status })],
    });
    take(known);
    issuance.start();
    await settled();
    expect(conditionsOf(await stored())).toEqual(["Approved ApprovedReason", `Failed ${reason}`]);
    expect(signer.intents).toEqual([]);
  },
);

test.each(CASES)("what is being signed is not released when $name is taken back meanwhile", async (each) => {
  const { issuance, known, settled, stored, signer, requests } = harness({ approves: true });
  const former = { ...signer };
  Object.assign(signer, {
    sign: async (...intent: Parameters<CertificateSigner["sign"]>) => {
      const signed = await former.sign(...intent);
      each.take(known);
      return signed;
    },
  });
  issuance.start();
  await issuance.create(each.requester, draft(), REAL);
  await settled();
  expect(signer.intents).toHaveLength(1);
  expect((await stored())?.status.certificate).toBeUndefined();
  expect(conditionsOf(await stored())).toEqual(["Approved Fine", `Failed ${each.reason}`]);
  expect(requests.certificates).toEqual([]);
});

test("a request is signed when others were taken back", async () => {
  const { issuance, known, settled, stored } = harness({ approves: true });
  known.nodes.add("worker-2");
  known.keys.add("00".repeat(32));
  known.fingerprints.add("00".repeat(32));
  issuance.start();
  await issuance.create(renewing, draft(), REAL);
  await settled();
  expect((await stored())?.status.certificate).toBeDefined();
});
