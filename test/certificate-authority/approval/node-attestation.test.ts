import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { attestationSource } from "../../../services/certificate-authority/approval/evidence/attestation.ts";
import {
  type NodeAttestationSettings,
  nodeAttestationHook,
} from "../../../services/certificate-authority/approval/hooks/node-attestation.ts";
import type { CsrSpec } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import { attestationGrant, verifiedAttestation } from "../../builders/attestation.ts";
import { facts } from "../../builders/facts.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { request } from "../../builders/request.ts";
import { reviewInput } from "../../fakes/review-history.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = new Date("2026-01-01T00:01:00.000Z");
const NODE = "node-1";
const MACHINE = { attestor: "x509pop", machineId: "m-1" };
const DENY: NodeAttestationSettings = { others: "deny" };
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
}

function ask(question: Question = {}): Promise<Verdict> {
  const { username = "nodeattest:c-1", nodeName = NODE, uid = "uid-1", spec, settings = DENY, now = NOW } = question;
  const groups = username.startsWith("system:node:") ? ["system:nodes"] : ["system:bootstrappers:node-attest"];
  const plain = request({ spec: { username, groups, ...spec } });
  const csr = { ...plain, metadata: { ...plain.metadata, uid } };
  const asked = facts({ subject: { commonName: `system:node:${nodeName}`, organization: ["system:nodes"] } });
  const input = reviewInput({ csr, facts: asked, now, isRehearsal: question.isRehearsal ?? false });
  return Promise.resolve(nodeAttestationHook(settings, opened.ledger.attestations).review(input));
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
    expect(await ask({ ...other, settings: { others: "ignore" } })).toMatchObject({ kind: "noOpinion" });
    await opened.ledger.attestations.change(MACHINE, "ban", "", "alice");
    expect(await ask({ username })).toMatchObject({ kind: "denied" });
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
    expect(await ask({ username, settings: { others: "ignore" } })).toMatchObject({ kind: "noOpinion" });
    const spec = { signerName: "kubernetes.io/kubelet-serving" };
    expect(await ask({ username, spec })).toMatchObject({ kind: "skipped" });
  },
);

test("names that a machine showed are its node's, and no others", () => {
  const source = attestationSource(opened.ledger.attestations);
  expect(source.show(NODE, { kind: "ip", name: "10.0.0.1" })).toMatchObject({ isShown: true });
  expect(source.show(NODE, { kind: "dns", name: "node-1.example" })).toMatchObject({ isShown: true });
  expect(source.show(NODE, { kind: "dns", name: "10.0.0.1" })).toMatchObject({ isShown: false });
  expect(source.show(NODE, { kind: "ip", name: "10.0.0.2" })).toMatchObject({ isShown: false });
  expect(source.show("node-2", { kind: "ip", name: "10.0.0.1" })).toMatchObject({ isShown: false });
});
