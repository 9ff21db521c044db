import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { BootstrapTokenRecord } from "../../../services/certificate-authority/domain/bootstrap-token.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { decisionRecord, issuerRecord } from "../../builders/records.ts";

let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
});

afterEach(() => opened.close());

const TOKEN: BootstrapTokenRecord = {
  id: "abcdef",
  description: "first rack",
  extraGroups: ["system:bootstrappers:rack-1"],
  nodeName: "node-1",
  createdAt: new Date("2026-01-01T00:00:00Z"),
  expiresAt: new Date("2026-01-02T00:00:00Z"),
  createdBy: "gatehouse-admin",
};

test("decisions on a name are read back whole, oldest first, those of former requests included", async () => {
  const { requests, decisions } = opened.ledger;
  const first = decisionRecord({ outcome: "pending", hook: undefined, requestUid: "first" });
  const second = decisionRecord({ outcome: "denied", decidedBy: "alice", trace: [], requestUid: "second" });
  await requests.recordDecision(first);
  await requests.recordDecision(decisionRecord({ requestName: "other" }));
  await requests.recordDecision(second);
  expect(await decisions.ofRequest("csr-abcde")).toEqual([first, second]);
  expect(await decisions.ofRequest("unknown")).toEqual([]);
});

test("a decision's evidence may be anything that JSON can say", async () => {
  const { requests, decisions } = opened.ledger;
  const [entry] = decisionRecord().trace;
  if (entry === undefined) throw new Error("the builder gives a trace");
  const evidence = { text: "ü\u2028\u0000", list: [1, { deep: null }], function: () => 1 };
  await requests.recordDecision(decisionRecord({ trace: [{ ...entry, evidence }] }));
  const [stored] = await decisions.ofRequest("csr-abcde");
  expect(stored?.trace[0]?.evidence).toEqual({ text: "ü\u2028\u0000", list: [1, { deep: null }] });
});

test("recording an issuer again changes nothing; in another slot it moves there", async () => {
  const { issuers, maintenance } = opened.ledger;
  const issuer = issuerRecord();
  await issuers.record(issuer);
  await issuers.record(issuer);
  expect(await issuers.list()).toEqual([issuer]);
  expect((await maintenance.verify()).auditEntries).toBe(1);
  await issuers.record({ ...issuer, slot: "old", commonName: "ignored" });
  expect(await issuers.list()).toEqual([{ ...issuer, slot: "old" }]);
  expect((await maintenance.verify()).auditEntries).toBe(2);
});

test("of a name one issuer is active: the next takes its place in the same commit, and may give it back", async () => {
  const { issuers, maintenance, audit } = opened.ledger;
  const name = "nodes";
  const [one, two] = ["31", "32"].map((octet) =>
    issuerRecord({ id: octet.repeat(32), name, certificateDer: Buffer.from(octet), ancestorsPem: `above ${octet}` }),
  ) as [ReturnType<typeof issuerRecord>, ReturnType<typeof issuerRecord>];
  const other = issuerRecord({ id: "33".repeat(32), name: "other" });
  const slots = async () =>
    Object.fromEntries((await issuers.list()).map(({ id, slot }) => [id.slice(0, 2), slot] as const));
  await issuers.record(one);
  await issuers.record(other);
  await issuers.record(two);
  expect(await slots()).toMatchObject({ 31: "old", 32: "active", 33: "active" });
  await issuers.record(one);
  expect(await slots()).toMatchObject({ 31: "active", 32: "old", 33: "active" });
  expect((await issuers.list()).find(({ id }) => id === one.id)).toEqual(one);
  const { items } = await audit.find({ noun: "issuer", name: two.id, after: 0, limit: 10 });
  expect(items.map(({ kind, details }) => [kind, details["slot"], details["name"]])).toEqual([
    ["issuer.recorded", "active", name],
    ["issuer.moved", "old", name],
  ]);
  expect((await maintenance.verify()).problems.filter((problem) => problem.includes("audit entry"))).toEqual([]);
});

test("what a token may be used for and its sealed secret are kept, and vouched for by its audit entry", async () => {
  const signing: BootstrapTokenRecord = { ...TOKEN, usages: ["authentication", "signing"] };
  await opened.ledger.tokens.create(signing, new Uint8Array([1]), new Uint8Array([7, 8]));
  await opened.reopen();
  const { tokens, maintenance } = opened.ledger;
  const sealedSecret = Buffer.from([7, 8]);
  expect(tokens.find("abcdef")).toEqual({ token: signing, secretHash: Buffer.from([1]), sealedSecret });
  expect((await maintenance.verify()).problems).toEqual([]);
  const connection = new Database(opened.file);
  connection.exec("UPDATE bootstrap_tokens SET sealed_secret = x'0708ff'");
  connection.close();
  expect((await maintenance.verify()).problems).toHaveLength(1);
});

test("a change keeps id, node, maker and secret, is on the audit trail, and comes through a restart", async () => {
  const { tokens } = opened.ledger;
  const signing: BootstrapTokenRecord = { ...TOKEN, usages: ["authentication", "signing"] };
  await tokens.create(signing, new Uint8Array([1]), new Uint8Array([7, 8]));
  tokens.find("abcdef");
  const changed = {
    ...{ description: "changed", extraGroups: ["system:bootstrappers:b"], expiresAt: undefined },
    ...{ labels: { a: "b" }, annotations: { c: "d" }, revision: TOKEN.createdAt.getTime() + 1 },
  };
  const wanted = { ...signing, ...changed, createdBy: "mallory", createdAt: new Date(0), nodeName: "elsewhere" };
  await tokens.update(wanted, TOKEN.createdAt.getTime(), "bob");
  const sealedSecret = Buffer.from([7, 8]);
  const stored = { token: { ...signing, ...changed }, secretHash: Buffer.from([1]), sealedSecret };
  expect(tokens.find("abcdef")).toEqual(stored);
  await expect(tokens.update(wanted, TOKEN.createdAt.getTime(), "bob")).rejects.toMatchObject({ reason: "Conflict" });
  await expect(tokens.update({ ...wanted, id: "zzzzzz" }, 0, "bob")).rejects.toMatchObject({ reason: "NotFound" });
  await opened.reopen();
  expect(opened.ledger.tokens.find("abcdef")).toEqual(stored);
  const { audit, maintenance } = opened.ledger;
  const { items } = await audit.find({ noun: "token", name: "abcdef", after: 0, limit: 10 });
  expect(items.map(({ kind, actor }) => `${kind} by ${actor}`)).toEqual([
    "token.created by gatehouse-admin",
    "token.changed by bob",
  ]);
  expect((await maintenance.verify()).problems).toEqual([]);
});

test("a token that no longer signs loses its sealed secret", async () => {
  const { tokens } = opened.ledger;
  await tokens.create({ ...TOKEN, usages: ["signing"] }, new Uint8Array([1]), new Uint8Array([7, 8]));
  await tokens.update({ ...TOKEN, usages: ["authentication"] }, TOKEN.createdAt.getTime(), "bob");
  expect(tokens.find("abcdef")).not.toHaveProperty("sealedSecret");
});

test("a token is found by its id, at once and after a restart, until it is removed", async () => {
  await opened.ledger.tokens.create(TOKEN, new Uint8Array([1, 2, 3]));
  const forever = { ...TOKEN, id: "zzzzzz", nodeName: undefined, expiresAt: undefined };
  await opened.ledger.tokens.create(forever, new Uint8Array([4]));
  await opened.reopen();
  const { tokens } = opened.ledger;
  expect(tokens.find("abcdef")).toEqual({ token: TOKEN, secretHash: Buffer.from([1, 2, 3]) });
  expect(await tokens.list()).toEqual([TOKEN, forever]);
  expect(await tokens.remove("abcdef", "alice")).toBe(true);
  expect(await tokens.remove("abcdef")).toBe(false);
  expect(tokens.find("abcdef")).toBeUndefined();
  expect(await tokens.list()).toEqual([forever]);
});

test("a token that is asked for while it is being removed is gone when the removal is acknowledged", async () => {
  const { tokens } = opened.ledger;
  await tokens.create(TOKEN, new Uint8Array([1]));
  const removal = tokens.remove(TOKEN.id);
  tokens.find(TOKEN.id);
  await removal;
  expect(tokens.find(TOKEN.id)).toBeUndefined();
  await tokens.create(TOKEN, new Uint8Array([2]));
  expect(tokens.find(TOKEN.id)?.secretHash).toEqual(Buffer.from([2]));
});

test("a token's id is taken once at a time", async () => {
  const { tokens } = opened.ledger;
  await tokens.create(TOKEN, new Uint8Array([1]));
  await expect(tokens.create(TOKEN, new Uint8Array([2]))).rejects.toMatchObject({ reason: "AlreadyExists" });
  await tokens.remove(TOKEN.id);
  await expect(tokens.create(TOKEN, new Uint8Array([2]))).resolves.toBeUndefined();
});

test.each([
  { name: "before it expires", now: "2026-01-01T23:59:59.999Z", removed: [] },
  { name: "in the instant it expires", now: "2026-01-02T00:00:00.000Z", removed: [] },
  { name: "after it has expired", now: "2026-01-02T00:00:00.001Z", removed: ["abcdef"] },
])("expired tokens are removed: $name", async ({ now, removed }) => {
  const { tokens } = opened.ledger;
  await tokens.create(TOKEN, new Uint8Array([1]));
  await tokens.create({ ...TOKEN, id: "zzzzzz", expiresAt: undefined }, new Uint8Array([2]));
  // In use, so that it is kept in memory.
  expect(tokens.find("abcdef")).toBeDefined();
  expect(await tokens.removeExpired(new Date(now))).toEqual(removed);
  expect(tokens.find("abcdef") === undefined).toBe(removed.length > 0);
  expect((await tokens.list()).map(({ id }) => id)).toEqual(["abcdef", "zzzzzz"].filter((id) => !removed.includes(id)));
});

test("a check is a write that counts as none", async () => {
  const { maintenance, requests } = opened.ledger;
  await maintenance.check();
  await maintenance.check();
  expect(requests.revision()).toBe(1);
  expect(await maintenance.verify()).toMatchObject({ revision: 1, auditEntries: 0, problems: [] });
});
