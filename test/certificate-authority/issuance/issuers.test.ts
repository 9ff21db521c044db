import { expect, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { NO_SUBTREES } from "../../../services/certificate-authority/domain/name-subtrees.ts";
import { buildIssuance, type IssuanceHarness, MAY_JOIN } from "../../builders/issuance.ts";
import { condition, draft, request } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";

const REAL = { dryRun: false };
const APPROVED = request({ status: { conditions: [condition("Approved")] } });
const AWAITED = { kind: "awaited", reason: "AwaitingCertificate", message: "nodes awaits its certificate" } as const;

const typesOf = (csr: CertificateSigningRequest | undefined) =>
  (csr?.status.conditions ?? []).map(({ type, status }) => `${type} ${status}`);

function ready(harness: IssuanceHarness, overrides: Partial<IssuanceHarness["signer"]["issuer"]> = {}): void {
  const issuer = { ...harness.signer.issuer, ...overrides };
  harness.signer.issuers.availability = { kind: "ready", issuer };
}

test("an approval of the chain is stored while the issuer is awaited, with what it waits for, and signed once it is there", async () => {
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  harness.signer.issuers.availability = AWAITED;
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(typesOf(await harness.stored())).toEqual(["Approved True", "IssuerReady False"]);
  expect((await harness.stored())?.status.conditions?.[1]).toMatchObject({
    reason: "AwaitingCertificate",
    message: "nodes awaits its certificate",
  });
  expect(harness.requests.decisions).toMatchObject([{ outcome: "approved" }]);
  expect(harness.signer.intents).toEqual([]);
  ready(harness);
  harness.issuance.revisit();
  await harness.settled();
  const issued = await harness.stored();
  expect(issued?.status.certificate).toBeDefined();
  expect(typesOf(issued)).toEqual(["Approved True"]);
});

test("what a request waits for is said once, and again only when it is something else", async () => {
  const harness = buildIssuance({ initial: [APPROVED] });
  harness.signer.issuers.availability = AWAITED;
  harness.issuance.start();
  await harness.settled();
  const first = await harness.stored();
  expect(typesOf(first)).toEqual(["Approved True", "IssuerReady False"]);
  harness.issuance.revisit();
  await harness.settled();
  expect((await harness.stored())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion);
  harness.signer.issuers.availability = { ...AWAITED, message: "its issuer awaits its certificate" };
  harness.issuance.revisit();
  await harness.settled();
  const second = await harness.stored();
  expect(typesOf(second)).toEqual(["Approved True", "IssuerReady False"]);
  expect(second?.status.conditions?.[1]?.message).toBe("its issuer awaits its certificate");
});

test("a name that the issuer may not certify: Failed with the name and the constraint, nothing signed", async () => {
  const harness = buildIssuance({ initial: [APPROVED] });
  const nodes = [[{ type: "2.5.4.10", value: "others" }]];
  const constraints = { permitted: { ...NO_SUBTREES, directoryNames: [nodes] }, excluded: NO_SUBTREES };
  ready(harness, { constraints: [{ issuer: "Example root", constraints }] });
  harness.issuance.start();
  await harness.settled();
  const failed = (await harness.stored())?.status.conditions?.find(({ type }) => type === "Failed");
  expect(failed).toMatchObject({ reason: "NameConstraintViolation", status: "True" });
  expect(failed?.message).toMatch(
    /^the subject ".*" is outside the permitted "O=others" of the issuer "Example root"$/,
  );
  expect(harness.requests.decisions).toMatchObject([{ outcome: "denied", hook: "name-constraints" }]);
  expect(harness.signer.intents).toEqual([]);
});

test("a certificate ends with the first of the CAs above it, and comes with the intermediates", async () => {
  const harness = buildIssuance({ initial: [APPROVED] });
  const notAfter = new Date(harness.clock.now().getTime() + 3_600_000);
  ready(harness, { notAfter, chainPem: "intermediate" });
  harness.issuance.start();
  await harness.settled();
  expect(harness.signer.intents).toMatchObject([{ notAfter: new Date(Math.floor(notAfter.getTime() / 1000) * 1000) }]);
  const certificate = (await harness.stored())?.status.certificate ?? "";
  expect(Buffer.from(certificate, "base64").toString()).toBe("certificate 01intermediate");
});

test("nothing is revisited before the start", async () => {
  const harness = buildIssuance({ initial: [APPROVED] });
  harness.issuance.revisit();
  await harness.settled();
  expect(harness.signer.intents).toEqual([]);
});
