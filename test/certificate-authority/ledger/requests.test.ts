import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { OutcomeRecords } from "../../../services/certificate-authority/domain/ports.ts";
import type { LedgerLimits } from "../../../services/certificate-authority/ledger/ledger.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, decisionRecord } from "../../builders/records.ts";
import { APPROVED, DENIED, ISSUED, storedCsr } from "../../builders/stored-csr.ts";

let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
});

afterEach(() => opened.close());

async function reopenWith(limits: Partial<LedgerLimits>): Promise<void> {
  await opened.close();
  opened = await openTestLedger({ limits });
}

test("an empty ledger lists nothing at revision 1", async () => {
  const { requests } = opened.ledger;
  expect(await requests.list()).toEqual({ items: [], revision: 1 });
  expect(await requests.list({ name: "a" })).toEqual({ items: [], revision: 1 });
  expect([requests.revision(), requests.compactedRevision()]).toEqual([1, 1]);
  expect(await requests.get("a")).toBeUndefined();
});

test("each write takes the next revision, whatever its kind", async () => {
  const { requests } = opened.ledger;
  const a = await requests.create(storedCsr("a"));
  const b = await requests.create(storedCsr("b"));
  const updated = await requests.update({ ...a, status: APPROVED });
  const removed = await requests.remove("b", {});
  expect([a, b, updated, removed].map((csr) => csr.metadata.resourceVersion)).toEqual(["2", "3", "4", "5"]);
  expect(removed).toEqual({ ...b, metadata: { ...b.metadata, resourceVersion: "5" } });
  expect(requests.revision()).toBe(5);
  expect(await requests.list()).toEqual({ items: [updated], revision: 5 });
});

test("an object stays the same value until it changes, however it is read", async () => {
  const { requests } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  expect(await requests.get("a")).toBe(created);
  expect((await requests.list()).items[0]).toBe(created);
  const updated = await requests.update({ ...created, status: APPROVED });
  expect(await requests.get("a")).toBe(updated);
  expect((await requests.list({ name: "a" })).items[0]).toBe(updated);
});

test("objects that memory has no room for are read from the file, alike", async () => {
  await reopenWith({ maximumCachedBytes: 1 });
  const { requests } = opened.ledger;
  const a = await requests.create(storedCsr("a"));
  const updated = await requests.update({ ...a, status: APPROVED });
  expect(await requests.get("a")).toEqual(updated);
  expect((await requests.list()).items).toEqual([updated]);
  expect(await requests.remove("a", {})).toEqual({
    ...updated,
    metadata: { ...updated.metadata, resourceVersion: "4" },
  });
});

test("a list is in the order of names", async () => {
  const { requests } = opened.ledger;
  for (const name of ["m", "b", "z", "a"]) await requests.create(storedCsr(name));
  const { items } = await requests.list();
  expect(items.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "m", "z"]);
});

test.each([
  { name: "another uid", metadata: { uid: "other" }, reason: "Conflict" },
  { name: "an older resourceVersion", metadata: { resourceVersion: "1" }, reason: "Conflict" },
  { name: "a later resourceVersion", metadata: { resourceVersion: "3" }, reason: "Conflict" },
  { name: "no resourceVersion", metadata: { resourceVersion: "" }, reason: "Conflict" },
  { name: "a resourceVersion with a leading zero", metadata: { resourceVersion: "02" }, reason: "Conflict" },
  { name: "an unknown name", metadata: { name: "b" }, reason: "NotFound" },
])("an update is refused for $name and stores nothing", async ({ metadata, reason }) => {
  const { requests, certificates, decisions, maintenance } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  const changed: CertificateSigningRequest = { ...created, metadata: { ...created.metadata, ...metadata } };
  const records: OutcomeRecords = { decision: decisionRecord(), certificate: certificateRecord() };
  await expect(requests.update({ ...changed, status: ISSUED }, records)).rejects.toMatchObject({
    reason,
    details: { name: changed.metadata.name, group: "certificates.k8s.io", kind: "certificatesigningrequests" },
  });
  expect(await requests.list()).toEqual({ items: [created], revision: 2 });
  expect(await certificates.find({ limit: 10 })).toEqual({ items: [], continueToken: undefined });
  expect(await decisions.ofRequest("csr-abcde")).toEqual([]);
  expect(await maintenance.verify()).toMatchObject({ auditEntries: 0, problems: [] });
});

test("an update stores its decision and certificate in the same commit", async () => {
  const { requests, certificates, decisions } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  const records = { decision: decisionRecord(), certificate: certificateRecord() };
  const otherNode = () => opened.ledger.certificates.otherNodeOfKey(records.certificate.spkiSha256, "another");
  const otherBefore = otherNode();
  const issued = await requests.update({ ...created, status: ISSUED }, records);
  expect([otherBefore, otherNode()]).toEqual([undefined, records.certificate.nodeName]);
  expect(issued.status).toEqual(ISSUED);
  expect(await certificates.get(records.certificate.fingerprint)).toEqual(records.certificate);
  expect(await decisions.ofRequest("csr-abcde")).toEqual([records.decision]);
});

test("an object, what it becomes at once and the reasons are one commit with two revisions", async () => {
  const { requests, certificates, decisions } = opened.ledger;
  const events: string[] = [];
  requests.subscribe(
    1,
    { name: "a" },
    (changes) => events.push(...changes.map(({ type, object }) => `${type} ${object.metadata.resourceVersion}`)),
    () => undefined,
  );
  const records = { decision: decisionRecord(), certificate: certificateRecord() };
  const csr = storedCsr("a");
  const created = await requests.create(csr, { next: { ...csr, status: ISSUED }, records });
  expect([created.metadata.resourceVersion, created.status]).toEqual(["2", csr.status]);
  expect(await requests.get("a")).toMatchObject({ metadata: { resourceVersion: "3" }, status: ISSUED });
  expect(await certificates.get(records.certificate.fingerprint)).toEqual(records.certificate);
  expect(await decisions.ofRequest("csr-abcde")).toEqual([records.decision]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(events).toEqual(["ADDED 2", "MODIFIED 3"]);
  expect(await requests.unfinished()).toEqual([]);
  const issued = await requests.get("a");
  await opened.reopen();
  expect(await opened.ledger.requests.get("a")).toEqual(issued);
});

test("a serial that its issuer has used refuses the whole creation", async () => {
  const { requests, certificates } = opened.ledger;
  await certificates.record(certificateRecord());
  const csr = storedCsr("a");
  const colliding = certificateRecord({ der: Buffer.from("another encoding") });
  const attempt = requests.create(csr, { next: { ...csr, status: ISSUED }, records: { certificate: colliding } });
  await expect(attempt).rejects.toMatchObject({ reason: "Conflict", message: expect.stringContaining("0a1b2c") });
  expect(await requests.list()).toEqual({ items: [], revision: 1 });
});

test("a serial that its issuer has used refuses the whole update", async () => {
  const { requests, certificates } = opened.ledger;
  await certificates.record(certificateRecord());
  const created = await requests.create(storedCsr("a"));
  const colliding = certificateRecord({ der: Buffer.from("another encoding") });
  const attempt = requests.update({ ...created, status: ISSUED }, { certificate: colliding });
  await expect(attempt).rejects.toMatchObject({ reason: "Conflict", message: expect.stringContaining("0a1b2c") });
  expect(await requests.get("a")).toBe(created);
  expect((await certificates.find({ limit: 10 })).items).toHaveLength(1);
});

test.each([
  { name: "no preconditions", preconditions: {} },
  { name: "the right uid and resourceVersion", preconditions: { uid: "uid-of-a", resourceVersion: "2" } },
])("a removal with $name succeeds", async ({ preconditions }) => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  expect((await requests.remove("a", preconditions)).metadata.resourceVersion).toBe("3");
  expect(await requests.get("a")).toBeUndefined();
  expect(await requests.list()).toEqual({ items: [], revision: 3 });
});

test.each([
  { name: "another uid", target: "a", preconditions: { uid: "other" }, reason: "Conflict" },
  { name: "another resourceVersion", target: "a", preconditions: { resourceVersion: "3" }, reason: "Conflict" },
  { name: "an unknown name", target: "b", preconditions: {}, reason: "NotFound" },
])("a removal is refused for $name", async ({ target, preconditions, reason }) => {
  const { requests } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  await expect(requests.remove(target, preconditions)).rejects.toMatchObject({ reason });
  expect(await requests.list()).toEqual({ items: [created], revision: 2 });
});

test("a name can be taken once at a time", async () => {
  const { requests } = opened.ledger;
  const attempts = await Promise.allSettled([requests.create(storedCsr("a")), requests.create(storedCsr("a"))]);
  expect(attempts).toMatchObject([
    { status: "fulfilled" },
    { status: "rejected", reason: { reason: "AlreadyExists", code: 409 } },
  ]);
  await requests.remove("a", {});
  expect((await requests.create(storedCsr("a"))).metadata.resourceVersion).toBe("4");
});

test("the limit of stored objects refuses the next one until one is removed", async () => {
  await reopenWith({ maximumRequests: 2 });
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  await requests.create(storedCsr("b"));
  await expect(requests.create(storedCsr("c"))).rejects.toMatchObject({
    reason: "TooManyRequests",
    details: { retryAfterSeconds: 60 },
  });
  await requests.remove("a", {});
  await expect(requests.create(storedCsr("c"))).resolves.toBeDefined();
});

test("unfinished requests are those undecided or awaiting a signature, oldest first", async () => {
  const { requests } = opened.ledger;
  const at = (creationTimestamp: string) => ({ metadata: { creationTimestamp } });
  await requests.create(storedCsr("younger", at("2026-01-01T00:00:02Z")));
  await requests.create(storedCsr("older", at("2026-01-01T00:00:01Z")));
  await requests.create(storedCsr("approved", { ...at("2026-01-01T00:00:03Z"), status: APPROVED }));
  await requests.create(storedCsr("denied", { status: DENIED }));
  await requests.create(storedCsr("issued", { status: ISSUED }));
  const both = { conditions: [...(APPROVED.conditions ?? []), ...(DENIED.conditions ?? [])] };
  await requests.create(storedCsr("approved-then-denied", { status: both }));
  expect(await requests.unfinished()).toEqual(["older", "younger", "approved"]);
  const approved = (await requests.get("approved")) ?? storedCsr("approved");
  await requests.update({ ...approved, status: ISSUED });
  expect(await requests.unfinished()).toEqual(["older", "younger"]);
});
