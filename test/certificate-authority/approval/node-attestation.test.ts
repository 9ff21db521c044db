import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { attestationSource } from "../../../services/certificate-authority/approval/evidence/attestation.ts";
import {
  type NodeAttestationSettings,
  nodeAttestationHook,
} from "../../../services/certificate-authority/approval/hooks/node-attestation.ts";
import { reviewedBinding } from "../../../services/certificate-authority/domain/attestation.ts";
import type { CsrSpec } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import { requestKeys } from "../../../services/certificate-authority/request-keys.ts";
import { nameOf } from "../../../services/shared/tpm/public-area.ts";
import { attestationGrant, verifiedAttestation } from "../../builders/attestation.ts";
import { attestedRequest } from "../../builders/attested-request.ts";
import { facts } from "../../builders/facts.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { request } from "../../builders/request.ts";
import { softAttestationKey } from "../../builders/soft-tpm.ts";
import { reviewInput } from "../../fakes/review-history.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = new Date("2026-01-01T00:01:00.000Z");
const NODE = "node-1";
const MACHINE = { attestor: "x509pop", machineId: "m-1" };
const DENY: NodeAttestationSettings = { others: "deny", attestedKeys: "ignore" };
const clock = new SettableClock(NOW);
let opened: TestLedger;

beforeEach(async () => {
  clock.set(NOW);
  opened = await openTestLedger({ clock });
  await opened.ledger.attestations.complete(verifiedAttestation(), attestationGrant(NOW, "c-1"));
});

afterEach(() => opened.close());

interface Question {
  readonly username?: string;
  readonly nodeName?: string;
  readonly uid?: string;
  readonly spec?: Partial<CsrSpec>;
  readonly settings?: NodeAttestationSettings;
  readonly now?: Date;
  readonly isRehearsal?: boolean;
  readonly spkiDer?: Uint8Array;
}

function ask(question: Question = {}): Promise<Verdict> {
  const { username = "nodeattest:c-1", nodeName = NODE, uid = "uid-1", spec, settings = DENY, now = NOW } = question;
  const groups = username.startsWith("system:node:") ? ["system:nodes"] : ["system:bootstrappers:node-attest"];
  const plain = request({ spec: { username, groups, ...spec } });
  const csr = { ...plain, metadata: { ...plain.metadata, uid } };
  const asked = facts({ subject: { commonName: `system:node:${nodeName}`, organization: ["system:nodes"] } });
  const { spkiDer = asked.spkiDer } = question;
  const input = reviewInput({ csr, facts: { ...asked, spkiDer }, now, isRehearsal: question.isRehearsal ?? false });
  const { attestations } = opened.ledger;
  return Promise.resolve(nodeAttestationHook(settings, { attestations, requestKeys }).review(input));
}

const stateOf = (id: string) => opened.ledger.attestations.credential(id)?.state;

describe("a credential that attestation gave out", () => {
  test("gets its node's certificate approved, once, with what it rests on", async () => {
    const verdict = await ask();
    expect(verdict).toMatchObject({ kind: "approved", reason: "Attested", evidence: { ...MACHINE, profile: "dc" } });
    expect(await ask({ uid: "uid-2" })).toMatchObject({ kind: "denied", reason: "CredentialOver" });
  });

  test("is taken again for the same request, as after a crash before the decision was stored", async () => {
    await ask();
    clock.set(new Date(NOW.getTime() + 3_600_000));
    expect(await ask({ now: clock.now() })).toMatchObject({ kind: "approved" });
  });

  test("is revoked when it asks for another name", async () => {
    expect(await ask({ nodeName: "node-2" })).toMatchObject({ kind: "denied", reason: "OtherNode" });
    expect(stateOf("c-1")).toBe("revoked");
    expect(await ask()).toMatchObject({ kind: "denied", reason: "CredentialOver" });
  });

  test("is neither used nor revoked by a rehearsal", async () => {
    expect(await ask({ isRehearsal: true })).toMatchObject({ kind: "approved" });
    await ask({ isRehearsal: true, nodeName: "node-2" });
    expect(stateOf("c-1")).toBe("issued");
  });

  test("is over when it expires", async () => {
    const now = new Date(NOW.getTime() + 600_000);
    clock.set(now);
    expect(await ask({ now })).toMatchObject({ kind: "denied", message: "the credential has expired" });
  });

  test("is worth nothing when its machine is released or banned", async () => {
    await opened.ledger.attestations.change(MACHINE, "release", "", "alice");
    expect(await ask()).toMatchObject({ kind: "denied", reason: "NotBound" });
  });

  test("is for no other signer, and for no other usage", async () => {
    const signerName = "kubernetes.io/kube-apiserver-client";
    expect(await ask({ spec: { signerName } })).toMatchObject({ kind: "denied", reason: "OtherSigner" });
    const usages = ["server auth"];
    expect(await ask({ spec: { usages } })).toMatchObject({ kind: "denied", reason: "NotRecognised" });
  });

  test("that is on no record is denied", async () => {
    expect(await ask({ username: "nodeattest:c-9" })).toMatchObject({ kind: "denied", reason: "CredentialUnknown" });
  });
});

describe("a node that renews", () => {
  const username = `system:node:${NODE}`;

  test("is approved while it is bound, and denied when it is not", async () => {
    expect(await ask({ username })).toMatchObject({ kind: "approved", reason: "Bound" });
    const other = { username: "system:node:node-2", nodeName: "node-2" };
    expect(await ask(other)).toMatchObject({ kind: "denied", reason: "NotBound" });
    expect(await ask({ ...other, settings: { ...DENY, others: "ignore" } })).toMatchObject({ kind: "noOpinion" });
    await opened.ledger.attestations.change(MACHINE, "ban", "", "alice");
    expect(await ask({ username })).toMatchObject({ kind: "denied", reason: "BindingEnded" });
    expect(await ask({ username, settings: { ...DENY, others: "ignore" } })).toMatchObject({ kind: "denied" });
  });

  test("attests again when its attestation is too old", async () => {
    const settings = { ...DENY, maximumAgeSeconds: 600 };
    expect(await ask({ username, settings, now: new Date(NOW.getTime() + 600_000) })).toMatchObject({
      kind: "approved",
    });
    expect(await ask({ username, settings, now: new Date(NOW.getTime() + 601_000) })).toMatchObject({
      reason: "AttestationTooOld",
    });
  });
});

test.each(["system:bootstrap:abcdef", "alice"])(
  "%s, who did not attest, is denied unless ignored",
  async (username) => {
    expect(await ask({ username })).toMatchObject({ kind: "denied", reason: "NotAttested" });
    expect(await ask({ username, settings: { ...DENY, others: "ignore" } })).toMatchObject({ kind: "noOpinion" });
    const spec = { signerName: "kubernetes.io/kubelet-serving" };
    expect(await ask({ username, spec })).toMatchObject({ kind: "skipped" });
  },
);

test("a requester whose credential was taken back is not taken for its machine", async () => {
  const isRequester = () => reviewedBinding(opened.ledger.attestations, NODE, "nodeattest:c-1")?.isRequester;
  expect(isRequester()).toBe(true);
  await opened.ledger.attestations.revokeCredential("c-1", "stolen");
  expect(isRequester()).toBe(false);
});

test("names that a machine showed are its node's, and no others", () => {
  const source = attestationSource(opened.ledger.attestations);
  expect(source.show(NODE, { kind: "ip", name: "10.0.0.1" })).toMatchObject({ isShown: true });
  expect(source.show(NODE, { kind: "dns", name: "node-1.example" })).toMatchObject({ isShown: true });
  expect(source.show(NODE, { kind: "dns", name: "10.0.0.1" })).toMatchObject({ isShown: false });
  expect(source.show(NODE, { kind: "ip", name: "10.0.0.2" })).toMatchObject({ isShown: false });
  expect(source.show("node-2", { kind: "ip", name: "10.0.0.1" })).toMatchObject({ isShown: false });
});

describe("keys that live in TPMs", () => {
  const machine = { attestor: "tpm2", machineId: "tpm2:aa" };
  const ak = softAttestationKey();
  const pins = { attestation_key: nameOf(ak.tpm2bPublic).toString("hex") };
  const accept: NodeAttestationSettings = { ...DENY, attestedKeys: "accept" };
  const require: NodeAttestationSettings = { ...DENY, attestedKeys: "require" };
  const somebody = { username: "system:bootstrap:abcdef", nodeName: "node-2" };
  const attested = attestedRequest({ nodeName: "node-2", ak });
  const withKey = ({ csr, requestBase64 }: typeof attested, settings: NodeAttestationSettings): Question => {
    return { ...somebody, settings, spkiDer: csr.spkiDer, spec: { request: requestBase64 } };
  };

  beforeEach(async () => {
    const attestation = verifiedAttestation({ ...machine, nodeName: "node-2", pins });
    await opened.ledger.attestations.complete(attestation, attestationGrant(NOW, "c-2"));
  });

  test("get a certificate whoever asks, where they are accepted", async () => {
    expect(await ask(withKey(attested, accept))).toMatchObject({ kind: "approved", evidence: machine });
    expect(await ask(withKey(attested, require))).toMatchObject({ kind: "approved", evidence: machine });
    expect(await ask(withKey(attested, DENY))).toMatchObject({ kind: "denied", reason: "NotAttested" });
  });

  test("are not taken when another TPM certifies them, or for another machine's name", async () => {
    const foreign = attestedRequest({ nodeName: "node-2" });
    const answer = await ask(withKey(foreign, accept));
    expect(answer).toMatchObject({ kind: "denied", reason: "KeyNotAttested" });
    const elsewhere = attestedRequest({ nodeName: NODE, ak });
    const other = await ask({ ...withKey(elsewhere, accept), nodeName: NODE });
    expect(other).toMatchObject({ kind: "denied", reason: "KeyNotAttested" });
    const nobody = attestedRequest({ nodeName: "node-3", ak });
    const unbound = await ask({ ...withKey(nobody, accept), nodeName: "node-3" });
    expect(unbound).toMatchObject({ kind: "denied", reason: "KeyNotAttested" });
  });

  test("are not taken from a machine that was banned or released", async () => {
    await opened.ledger.attestations.change(machine, "ban", "", "alice");
    expect(await ask(withKey(attested, accept))).toMatchObject({ kind: "denied" });
    await opened.ledger.attestations.change(machine, "release", "", "alice");
    expect(await ask(withKey(attested, accept))).toMatchObject({ kind: "denied", reason: "KeyNotAttested" });
  });

  test("do not make an attestation any younger", async () => {
    const settings = { ...accept, maximumAgeSeconds: 600 };
    const now = new Date(NOW.getTime() + 601_000);
    expect(await ask({ ...withKey(attested, settings), now })).toMatchObject({ reason: "AttestationTooOld" });
  });

  test("that are shown wrongly are denied, also to whoever attested", async () => {
    const wrong = attestedRequest({ nodeName: "node-2", ak, data: {} });
    const credential = { ...withKey(wrong, accept), username: "nodeattest:c-2" };
    expect(await ask(credential)).toMatchObject({ kind: "denied", reason: "KeyNotAttested" });
    expect(stateOf("c-2")).toBe("issued");
  });

  test("are not needed unless they are required", async () => {
    const join = { username: "nodeattest:c-2", nodeName: "node-2" };
    const renewal = { username: "system:node:node-2", nodeName: "node-2" };
    for (const question of [join, renewal])
      expect(await ask({ ...question, settings: require })).toMatchObject({
        kind: "denied",
        message: "the request does not show that its key lives in the machine's TPM",
      });
    expect(await ask({ ...withKey(attested, require), ...renewal })).toMatchObject({ kind: "approved" });
    expect(await ask({ ...withKey(attested, require), ...join })).toMatchObject({
      kind: "approved",
      reason: "Attested",
    });
    expect(await ask({ ...somebody, settings: accept })).toMatchObject({ kind: "denied", reason: "NotAttested" });
  });
});
