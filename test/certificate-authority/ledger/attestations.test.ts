import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { VerifiedAttestation } from "../../../services/certificate-authority/domain/attestation.ts";
import { attestationGrant, verifiedAttestation } from "../../builders/attestation.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = new Date("2026-01-10T00:00:00.000Z");
const clock = new SettableClock(NOW);
const M1 = { attestor: "x509pop", machineId: "m-1" };
let opened: TestLedger;

beforeEach(async () => {
  clock.set(NOW);
  opened = await openTestLedger({ clock });
});

afterEach(() => opened.close());

const attestations = () => opened.ledger.attestations;

function complete(changes: Partial<VerifiedAttestation> = {}, credentialId?: string) {
  return attestations().complete(verifiedAttestation(changes), attestationGrant(NOW, credentialId));
}

async function sound(): Promise<void> {
  expect((await opened.ledger.maintenance.verify()).problems).toEqual([]);
}

test("a first attestation puts machine, binding and credential on record, also after a restart", async () => {
  const answer = await complete({}, "c-1");
  await opened.reopen();
  const restarted = attestations();
  expect(answer).toEqual({ binding: restarted.bindingOf("node-1") });
  expect(restarted.bindingOf("node-1")).toMatchObject({
    ...{ nodeName: "node-1", ...M1, profile: "dc", state: "active", attestedAt: NOW },
    names: { dnsNames: ["node-1.example"], ipAddresses: ["10.0.0.1"] },
    fields: { dns_san: "node-1.example" },
  });
  expect(restarted.machine("x509pop", "m-1")).toMatchObject({ state: "active", isEnrolled: false, pins: { key: "a" } });
  expect(restarted.credential("c-1")).toMatchObject({ nodeName: "node-1", state: "issued", requestUid: undefined });
  expect(restarted.bindingsOf("x509pop", "m-1")).toHaveLength(1);
  await sound();
});

test("a machine that attests again keeps its binding, and what it got before is worth nothing", async () => {
  await complete({}, "c-1");
  const first = attestations().bindingOf("node-1");
  await complete({ fields: { dns_san: "other" } }, "c-2");
  expect(attestations().bindingOf("node-1")?.id).toBe(first?.id);
  expect(attestations().bindingOf("node-1")?.fields).toEqual({ dns_san: "other" });
  expect(attestations().credential("c-1")?.state).toBe("revoked");
  expect(await attestations().useCredential("c-1", "uid")).toMatchObject({ message: "the credential is revoked" });
  await sound();
});

test.each<[string, Partial<VerifiedAttestation>, string, RegExp]>([
  ["another name for the machine", { nodeName: "node-2" }, "denied", /bound to node-1/],
  ["another machine for the name", { machineId: "m-2" }, "conflict", /bound to another machine/],
  ["a changed pin", { pins: { key: "b" } }, "denied", /key is another/],
  ["evidence without freshness, again", { isFresh: false }, "denied", /counts once/],
  ["a profile that takes enrolled machines", { mustBeEnrolled: true }, "denied", /not enrolled/],
])("%s is objected to, and nothing changes", async (_what, changes, code, message) => {
  await complete();
  const before = await opened.ledger.audit.find({ limit: 100 });
  const answer = await complete(changes);
  expect(answer).toEqual({ objection: { code, message: expect.stringMatching(message) } });
  expect((await opened.ledger.audit.find({ limit: 100 })).head).toBe(before.head);
});

test("of fifty machines that race for one name one gets it", async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => complete({ machineId: `m-${index}`, pins: {} })),
  );
  expect(answers.filter((answer) => "binding" in answer)).toHaveLength(1);
  await sound();
});

test("a machine that was launched again may show evidence that anybody can show", async () => {
  await complete({ isFresh: false, launchedAt: NOW });
  const again = { isFresh: false, launchedAt: new Date(NOW.getTime() + 1000) };
  expect(await complete(again)).toHaveProperty("binding");
  expect(await complete(again)).toHaveProperty("objection");
});

test("the binding of a machine that is gone is replaced", async () => {
  await complete({}, "c-1");
  const gone = attestations().bindingOf("node-1");
  await complete({ machineId: "m-2", replaces: gone?.id });
  expect(attestations().bindingOf("node-1")?.machineId).toBe("m-2");
  expect(attestations().bindingsOf("x509pop", "m-1")[0]?.state).toBe("replaced");
  expect(attestations().credential("c-1")?.state).toBe("revoked");
  await sound();
});

describe("a credential", () => {
  test("is one request's, which may ask again after a crash", async () => {
    await complete({}, "c-1");
    const uses = await Promise.all(["u-1", "u-2", "u-3"].map((uid) => attestations().useCredential("c-1", uid)));
    expect(uses.map(({ kind }) => kind)).toEqual(["used", "refused", "refused"]);
    await opened.reopen();
    expect(await attestations().useCredential("c-1", "u-1")).toMatchObject({ kind: "used" });
    expect(await attestations().useCredential("c-1", "u-2")).toMatchObject({ message: /another request/ });
  });

  test("ends when it says", async () => {
    await complete({}, "c-1");
    clock.set(new Date(NOW.getTime() + 600_000));
    expect(await attestations().useCredential("c-1", "u-1")).toMatchObject({ message: "the credential has expired" });
    expect(await attestations().useCredential("c-2", "u-1")).toMatchObject({ credential: undefined });
  });

  test("is revoked once, and swept when it is long over", async () => {
    await complete({}, "c-1");
    expect(await attestations().revokeCredential("c-1", "wrong name")).toBe(true);
    expect(await attestations().revokeCredential("c-1", "wrong name")).toBe(false);
    await attestations().useChallenge("challenge", NOW);
    const after = (milliseconds: number) => new Date(NOW.getTime() + milliseconds);
    const early = { challenges: after(1), credentials: after(1) };
    expect(attestations().countOver(early)).toBe(1);
    expect(await attestations().sweep(early)).toBe(1);
    expect(await attestations().sweep({ ...early, credentials: after(700_000) })).toBe(1);
    expect(attestations().credential("c-1")).toBeUndefined();
  });

  test("comes with its certificate in one commit, or not at all", async () => {
    const issuer = issuerRecord();
    const { fingerprint: issuerId } = certificateRecord({ der: issuer.certificateDer });
    await opened.ledger.issuers.record({ ...issuer, id: issuerId });
    const certificate = certificateRecord({ issuerId, serial: "07" });
    const grant = { ...attestationGrant(NOW, "c-1"), certificate };
    await attestations().complete(verifiedAttestation(), grant);
    expect((await opened.ledger.certificates.get("07"))?.fingerprint).toBe(certificate.fingerprint);
    const again = attestations().complete(verifiedAttestation(), { ...grant, ...attestationGrant(NOW), certificate });
    await expect(again).rejects.toMatchObject({ reason: "Conflict" });
    expect(attestations().credential("c-1")?.state).toBe("issued");
    await sound();
  });
});

test("a challenge is answered once, by whoever comes first", async () => {
  const first = await Promise.all(Array.from({ length: 50 }, () => attestations().useChallenge("id", NOW)));
  expect(first.filter(Boolean)).toHaveLength(1);
});

test("a join token is used up with the binding, by whoever comes first", async () => {
  const token = { id: "abcdef", description: "", extraGroups: [], nodeName: "node-1" };
  const record = { ...token, createdAt: NOW, expiresAt: undefined, createdBy: "alice" };
  await opened.ledger.tokens.create(record, new Uint8Array(32));
  expect(opened.ledger.tokens.find("abcdef")).toBeDefined();
  const all = await Promise.all(
    Array.from({ length: 50 }, () => complete({ attestor: "join_token", consumesToken: "abcdef" })),
  );
  expect(all.filter((answer) => "binding" in answer)).toHaveLength(1);
  expect(all.find((answer) => "objection" in answer)).toMatchObject({ objection: { message: /was used already/ } });
  expect(opened.ledger.tokens.find("abcdef")).toBeUndefined();
});

test("a join token is not used up by an attestation that is objected to", async () => {
  const token = { id: "abcdef", description: "", extraGroups: [], nodeName: "node-1" };
  const record = { ...token, createdAt: NOW, expiresAt: undefined, createdBy: "alice" };
  await opened.ledger.tokens.create(record, new Uint8Array(32));
  await complete({ machineId: "m-2" });
  expect(await complete({ consumesToken: "abcdef" })).toMatchObject({ objection: { code: "conflict" } });
  expect(opened.ledger.tokens.find("abcdef")).toBeDefined();
});

describe("an administrator", () => {
  const enrollment = { ...M1, nodeName: "node-1", names: { dnsNames: [], ipAddresses: [] } };

  test("enrolls a machine, which then gets its name and no other", async () => {
    await attestations().enroll([enrollment], "alice");
    expect(await complete({ mustBeEnrolled: true, nodeName: "node-2" })).toMatchObject({
      objection: { message: "the machine is enrolled as node-1, not as node-2" },
    });
    expect(await complete({ mustBeEnrolled: true })).toHaveProperty("binding");
    expect(attestations().machines(undefined, 10)).toHaveLength(1);
    expect(attestations().machines(M1, 10)).toHaveLength(0);
    await sound();
  });

  test("keeps the name of an enrolled machine from others whose evidence would make it", async () => {
    await attestations().enroll([enrollment], "alice");
    const other = { machineId: "m-2", pins: {} };
    expect(await complete(other)).toMatchObject({ objection: { code: "conflict" } });
    expect(await complete({ ...other, isNameTemplated: false })).toHaveProperty("binding");
  });

  test("bans a machine until it is released, and both end its binding", async () => {
    await complete({}, "c-1");
    expect(await attestations().change(M1, "ban", "stolen", "alice")).toMatchObject({ state: "banned" });
    expect(attestations().bindingOf("node-1")).toBeUndefined();
    expect(attestations().credential("c-1")?.state).toBe("revoked");
    expect(await complete()).toMatchObject({ objection: { code: "denied" } });
    expect(await attestations().change(M1, "release", "found", "alice")).toMatchObject({ state: "active", pins: {} });
    expect(await complete({ pins: { key: "b" }, isFresh: false })).toHaveProperty("binding");
    expect(await attestations().change({ ...M1, machineId: "m-9" }, "ban", "", "alice")).toBeUndefined();
    await sound();
  });
});

test("a refused attempt stands on the audit trail", async () => {
  const said = {
    attestor: "tpm2",
    profile: "metal",
    address: "10.0.0.9",
    code: "denied",
    message: "no EK",
    withheld: 3,
  };
  await attestations().recordRefusal({ ...said, nodeName: "node-1" });
  const { items } = await opened.ledger.audit.find({ noun: "attestation", limit: 10 });
  expect(items[0]).toMatchObject({ kind: "attestation.refused", subject: "node-1", details: said });
});

test.each(["machines", "bindings"])("verification finds %s that were changed behind our back", async (table) => {
  await complete();
  const column = table === "machines" ? "pins = '{}'" : "profile = 'other'";
  const file = new Database(opened.file);
  file.exec(`UPDATE ${table} SET ${column}`);
  file.close();
  const { problems } = await opened.ledger.maintenance.verify();
  expect(problems).toEqual([expect.stringContaining("no audit entry records it as it is stored")]);
});
