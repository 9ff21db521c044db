import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { DecisionRecord } from "../../../services/certificate-authority/domain/decision.ts";
import type { RecordedRequest } from "../../../services/certificate-authority/domain/recorded-request.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, decisionRecord } from "../../builders/records.ts";
import { APPROVED, storedCsr } from "../../builders/stored-csr.ts";

const EPOCH = new Date(0);
const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 0, 1, 12);

let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
});

afterEach(() => opened.close());

function decisionOn(requestName: string, overrides: Partial<DecisionRecord> = {}): DecisionRecord {
  return decisionRecord({ requestName, requestUid: `uid-of-${requestName}`, ...overrides });
}

/** A request with what the chain decided on it. */
async function decided(name: string, overrides: Partial<DecisionRecord> = {}): Promise<void> {
  const created = await opened.ledger.requests.create(storedCsr(name));
  await opened.ledger.requests.update({ ...created, status: APPROVED }, { decision: decisionOn(name, overrides) });
}

async function all(since = EPOCH, limit = 100): Promise<readonly RecordedRequest[]> {
  const items: RecordedRequest[] = [];
  for (let continueToken: string | undefined; ; ) {
    const page = await opened.ledger.recorded.page({ since, limit, continueToken });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.continueToken === undefined) return items;
    continueToken = page.continueToken;
  }
}

const names = (items: readonly RecordedRequest[]) => items.map(({ newest }) => newest.requestName);

test("an empty ledger has none", async () => {
  expect(await all()).toEqual([]);
});

test("a request is told with what it asked for and what was decided, whether it is there or was deleted", async () => {
  for (const name of ["a", "b"]) await decided(name);
  const [before] = await all();
  await opened.ledger.requests.remove("a", {});
  await opened.reopen();
  const [after, other] = await all();
  const { metadata, spec } = storedCsr("a");
  const { name, uid, creationTimestamp } = metadata;
  expect(after).toEqual({
    request: { metadata: { name, uid, creationTimestamp }, spec },
    newest: decisionOn("a"),
    decision: decisionOn("a"),
    settlement: undefined,
  });
  expect(before?.request?.spec).toEqual(after?.request?.spec);
  expect(other?.request?.metadata.name).toBe("b");
});

test("what was pruned from the archive is told without what it asked for", async () => {
  await decided("a");
  await opened.ledger.requests.remove("a", {});
  await opened.ledger.maintenance.pruneArchive(new Date(0), 0);
  expect(await all()).toMatchObject([{ request: undefined, decision: { requestName: "a" } }]);
});

test("a request that was decided several times is told once, by its last decision", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  await requests.create(storedCsr("b"));
  for (const message of ["one", "two"]) {
    await requests.recordDecision(decisionOn("a", { outcome: "pending", message }));
    await requests.recordDecision(decisionOn("b", { outcome: "pending", message }));
  }
  expect((await all()).map(({ newest }) => [newest.requestName, newest.message])).toEqual([
    ["a", "two"],
    ["b", "two"],
  ]);
});

test("what a person decided is told beside what the chain had decided before", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  await requests.recordDecision(decisionOn("a", { outcome: "pending", reason: "Pending" }));
  await requests.recordDecision(decisionOn("a", { outcome: "pending", decidedBy: "bob", reason: "Counted" }));
  await requests.recordDecision(decisionOn("a", { decidedBy: "alice", reason: "ByHand" }));
  const { decidedAt } = decisionOn("a");
  expect(await all()).toMatchObject([
    {
      decision: { outcome: "pending", reason: "Pending", decidedBy: "gatehouse" },
      settlement: { outcome: "approved", reason: "ByHand", decidedBy: "alice", decidedAt },
    },
  ]);
});

test("the refusal of a signature that a person had approved is none of the chain's decisions", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  await requests.recordDecision(decisionOn("a", { outcome: "pending", reason: "Pending" }));
  await requests.recordDecision(decisionOn("a", { decidedBy: "alice" }));
  const entry = { hook: "signer-profile", required: true, kind: "denied", reason: "No", message: "" } as const;
  const trace = [{ ...entry, evidence: {}, durationMicroseconds: 0 }];
  await requests.recordDecision(decisionOn("a", { outcome: "denied", reason: "No", trace }));
  expect(await all()).toMatchObject([
    { decision: { reason: "Pending" }, settlement: { outcome: "denied", decidedBy: "gatehouse" } },
  ]);
});

test("what only people decided has no decision of the chain", async () => {
  await opened.ledger.requests.create(storedCsr("a"));
  await opened.ledger.requests.recordDecision(decisionOn("a", { decidedBy: "alice" }));
  expect(await all()).toMatchObject([{ decision: undefined, settlement: { decidedBy: "alice" } }]);
});

test("requests of one name are told apart by their uid", async () => {
  const { requests } = opened.ledger;
  for (const uid of ["first", "second"]) {
    await requests.create(storedCsr("a", { metadata: { uid } }));
    await requests.recordDecision(decisionOn("a", { requestUid: uid, outcome: "pending" }));
    await requests.recordDecision(decisionOn("a", { requestUid: uid, decidedBy: "alice" }));
    await requests.remove("a", {});
  }
  expect((await all()).map(({ request, decision }) => [request?.metadata.uid, decision?.requestUid])).toEqual([
    ["first", "first"],
    ["second", "second"],
  ]);
});

test.each([
  { name: "the very instant counts", since: NOON + 4 * HOUR, expected: ["r-4", "r-5", "r-6"] },
  { name: "a millisecond later", since: NOON + 4 * HOUR + 1, expected: ["r-5", "r-6"] },
  { name: "before everything", since: 0, expected: ["r-0", "r-1", "r-2", "r-3", "r-4", "r-5", "r-6"] },
  { name: "after everything", since: NOON + 100 * HOUR, expected: [] },
])("since: $name", async ({ since, expected }) => {
  for (let index = 0; index < 7; index += 1) await decided(`r-${index}`, { decidedAt: new Date(NOON + index * HOUR) });
  expect(names(await all(new Date(since)))).toEqual(expected);
});

test("a decision that bears an earlier instant than the one before it is found all the same", async () => {
  const minutes = [0, 30, 90, 70, 100];
  for (const [index, minute] of minutes.entries()) {
    await decided(`r-${index}`, { decidedAt: new Date(NOON + minute * 60_000) });
  }
  expect(names(await all(new Date(NOON + 60 * 60_000)))).toEqual(["r-2", "r-3", "r-4"]);
});

test.each([1, 2, 3, 50])(
  "pages of %i hold everything once, and what is decided meanwhile not at all",
  async (limit) => {
    for (let index = 0; index < 11; index += 1) await decided(`r-${index}`);
    const first = await opened.ledger.recorded.page({ since: EPOCH, limit });
    await decided("late");
    await opened.ledger.requests.recordDecision(decisionOn("r-0", { outcome: "pending", message: "again" }));
    const rest: RecordedRequest[] = [];
    for (let token = first.continueToken; token !== undefined; ) {
      const page = await opened.ledger.recorded.page({ since: EPOCH, limit, continueToken: token });
      rest.push(...page.items);
      token = page.continueToken;
    }
    const expected = Array.from({ length: 11 }, (_, index) => `r-${index}`);
    expect(names([...first.items, ...rest])).toEqual(expected);
  },
);

test.each(["", "1", "1.", "a.b", "-1.5", "1.2.3"])("a continue token %j is none", async (continueToken) => {
  const page = opened.ledger.recorded.page({ since: EPOCH, limit: 1, continueToken });
  await expect(page).rejects.toMatchObject({ reason: "BadRequest" });
});

test("previous certificates are those of the node and signer that were issued by then, but the request's own", async () => {
  const at = (hours: number) => new Date(NOON + hours * HOUR);
  for (let index = 0; index < 14; index += 1) {
    const times = { notBefore: at(index), issuedAt: at(index), notAfter: at(index + 48) };
    await opened.ledger.certificates.record(
      certificateRecord({ serial: `${10 + index}`, requestUid: `uid-${index}`, nodeName: "node-1", ...times }),
    );
  }
  const other = { notBefore: at(0), issuedAt: at(0) };
  await opened.ledger.certificates.record(certificateRecord({ serial: "99", nodeName: "node-2", ...other }));
  const { signerName } = certificateRecord();
  const serials = (hours: number, uid: string) =>
    opened.ledger.recorded.previousAt("node-1", signerName, at(hours), uid).map(({ serial }) => serial);
  expect(serials(3, "uid-3")).toEqual(["12", "11", "10"]);
  expect(serials(13, "none")).toEqual(["23", "22", "21", "20", "19", "18", "17", "16", "15", "14"]);
  expect(opened.ledger.recorded.previousAt("node-1", "kubernetes.io/kubelet-serving", at(9), "none")).toEqual([]);
});

test("a certificate that was revoked since then was not revoked then", async () => {
  const certificate = certificateRecord({ requestUid: "another" });
  await opened.ledger.certificates.record(certificate);
  const target = { kind: "certificates", fingerprints: [certificate.fingerprint] } as const;
  await opened.ledger.revocations.revoke({ target, reason: "keyCompromise", message: "", by: "alice" });
  const statesAt = (at: Date) =>
    opened.ledger.recorded.previousAt("node-1", certificate.signerName, at, "none").map(({ state }) => state);
  expect(statesAt(new Date(NOON))).toEqual(["issued"]);
  expect(statesAt(new Date(Date.now() + HOUR))).toEqual(["revoked"]);
});
