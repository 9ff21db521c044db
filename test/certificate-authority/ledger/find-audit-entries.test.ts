import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { AuditEntry, AuditTrailQuery } from "../../../services/certificate-authority/domain/ports.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
/** More than one page looks at. */
const COUNT = 4_500;
let opened: TestLedger;

/** Entry n of a chain in which every kind, actor and name comes back in its own rhythm, one a minute. */
function entry(sequence: number): AuditEntry {
  const kind = sequence % 2 === 0 ? "token.created" : "certificate.issued";
  const details = kind === "certificate.issued" ? { requestName: `csr-${sequence % 7}` } : {};
  const subject = kind === "token.created" ? `token-${sequence % 5}` : `fingerprint-${sequence}`;
  return { at: new Date(START + sequence * 60_000), actor: `user-${sequence % 3}`, kind, subject, details };
}

beforeAll(async () => {
  opened = await openTestLedger();
  const { audit } = opened.ledger;
  await Promise.all(Array.from({ length: COUNT }, (_, index) => audit.append(entry(index + 1))));
});

afterAll(() => opened.close());

const find = (query: AuditTrailQuery) => opened.ledger.audit.find(query);
const sequences = async (query: AuditTrailQuery) => (await find(query)).items.map(({ sequence }) => sequence);

/** All pages, one after the other. */
async function all(query: Omit<AuditTrailQuery, "before">): Promise<readonly number[]> {
  const found: number[] = [];
  let position: object = {};
  for (;;) {
    const { items, examined, hasMore } = await find({ ...query, ...position });
    found.push(...items.map(({ sequence }) => sequence));
    if (!hasMore) return found;
    position = query.after === undefined ? { before: examined } : { after: examined };
  }
}

const everything = Array.from({ length: COUNT }, (_, index) => index + 1);
const matching = (predicate: (sequence: number) => boolean) => everything.filter(predicate).toReversed();

test("an entry is found as it was put in, with its place and its hash", async () => {
  const { items, head } = await find({ limit: 1 });
  expect(items).toEqual([{ ...entry(COUNT), sequence: COUNT, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  expect(head).toBe(COUNT);
  expect((await opened.ledger.maintenance.verify()).auditHead).toBe(items[0]?.hash);
});

test.each<{ name: string; query: Partial<AuditTrailQuery>; is: (sequence: number) => boolean }>([
  { name: "everything", query: {}, is: () => true },
  { name: "an actor", query: { actor: "user-1" }, is: (n) => n % 3 === 1 },
  { name: "a noun", query: { noun: "token" }, is: (n) => n % 2 === 0 },
  { name: "a verb", query: { verb: "issued" }, is: (n) => n % 2 === 1 },
  { name: "a subject", query: { name: "token-0" }, is: (n) => n % 10 === 0 },
  { name: "the request that an entry is about", query: { name: "csr-3" }, is: (n) => n % 2 === 1 && n % 7 === 3 },
  {
    name: "all of it",
    query: { actor: "user-0", noun: "token", verb: "created", name: "token-1" },
    is: (n) => n % 30 === 6,
  },
  { name: "half of a kind is none", query: { noun: "tok" }, is: () => false },
  { name: "an instant and later", query: { since: entry(4_000).at }, is: (n) => n >= 4_000 },
  { name: "what is rare", query: { name: "fingerprint-1" }, is: (n) => n === 1 },
])("found by $name, the newest first, page after page", async ({ query, is }) => {
  expect(await all({ ...query, limit: 1_000 })).toEqual(matching(is));
});

test("what comes after an entry is found oldest first, and is all that comes after it", async () => {
  expect(await sequences({ after: 10, limit: 3 })).toEqual([11, 12, 13]);
  expect(await all({ after: 10, limit: 1_000, noun: "token" })).toEqual(
    everything.filter((n) => n > 10 && n % 2 === 0),
  );
  expect(await find({ after: COUNT, limit: 3 })).toEqual({ items: [], examined: COUNT, head: COUNT, hasMore: false });
});

test("a page looks at a bounded number of entries", async () => {
  const { items, examined, hasMore } = await find({ name: "fingerprint-1", limit: 1 });
  expect({ items, examined, hasMore }).toEqual({ items: [], examined: COUNT - 1_999, hasMore: true });
});

test("an instant ends the search before the beginning, with room for entries that were late", async () => {
  expect(await find({ since: entry(4_000).at, limit: 1_000 })).toMatchObject({ examined: 3_940, hasMore: false });
});

test("the last page is known as the last", async () => {
  expect(await find({ before: 3, limit: 2 })).toMatchObject({ examined: 1, hasMore: false });
  expect(await find({ before: 3, limit: 1 })).toMatchObject({ examined: 2, hasMore: true });
  expect(await find({ before: 1, limit: 1 })).toMatchObject({ items: [], hasMore: false });
});
