import { expect, test } from "@jest/globals";
import request from "supertest";
import type { RecordedEntry } from "../../../../services/certificate-authority/domain/ports.ts";
import { adminApi, failure } from "./fixture.ts";

function entry(sequence: number, overrides: Partial<RecordedEntry> = {}): RecordedEntry {
  return {
    ...{ sequence, at: new Date("2026-01-02T03:04:05.678Z"), actor: "alice", kind: "request.deleted" },
    ...{ subject: "csr-1", details: { revision: 7 }, hash: "ab".repeat(32) },
    ...overrides,
  };
}

test("entries are shown with who did what to which", async () => {
  const { app, audit } = adminApi();
  audit.entries.push(entry(1), entry(2, { kind: "token.removed", subject: "abcdef", details: {} }));
  const { body } = await request(app).get("/v1/audit").expect(200);
  const common = { apiVersion: "gatehouse.dev/v1", kind: "AuditEntry", at: "2026-01-02T03:04:05.678Z", user: "alice" };
  const hash = "ab".repeat(32);
  expect(body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "AuditEntryList",
    metadata: { resourceVersion: "2" },
    items: [
      { ...common, sequence: 2, verb: "removed", resource: "token", name: "abcdef", details: {}, hash },
      { ...common, sequence: 1, verb: "deleted", resource: "request", name: "csr-1", details: { revision: 7 }, hash },
    ],
  });
});

test.each([
  { query: "", is: { limit: 100 } },
  {
    query: "user=alice&verb=deleted&resource=request&name=csr-1&limit=5",
    is: { actor: "alice", verb: "deleted", noun: "request", name: "csr-1", limit: 5 },
  },
  { query: "since=2026-01-02T03:04:05Z", is: { since: new Date("2026-01-02T03:04:05Z"), limit: 100 } },
  { query: "since=2026-01-02T05:04:05%2B02:00", is: { since: new Date("2026-01-02T03:04:05Z"), limit: 100 } },
  { query: "after=0", is: { after: 0, limit: 100 } },
  { query: "continue=b17", is: { before: 17, limit: 100 } },
  { query: "after=3&continue=a17", is: { after: 17, limit: 100 } },
])("audit?$query", async ({ query, is }) => {
  const { app, audit } = adminApi();
  await request(app).get(`/v1/audit?${query}`).expect(200);
  expect(audit.queries).toEqual([is]);
});

test.each([
  { query: "", entries: [1, 2, 3], more: 2, metadata: { resourceVersion: "3", continue: "b2" } },
  { query: "?after=0", entries: [1, 2, 3], more: 2, metadata: { resourceVersion: "2", continue: "a2" } },
  { query: "?after=3", entries: [1, 2, 3], more: undefined, metadata: { resourceVersion: "3" } },
])("metadata of audit$query tells where to go on", async ({ query, entries, more, metadata }) => {
  const { app, audit } = adminApi();
  audit.entries.push(...entries.map((sequence) => entry(sequence)));
  audit.more = more;
  expect((await request(app).get(`/v1/audit${query}`).expect(200)).body.metadata).toEqual(metadata);
});

test.each([
  {
    query: "since=yesterday",
    message: 'query parameter "since" is "yesterday": must be a time such as 2026-01-31T12:00:00Z',
  },
  { query: "after=-1", message: 'query parameter "after" is "-1": must be the sequence of an entry, or 0' },
  {
    query: "limit=1001",
    message:
      'query parameter "limit" is "1001": must be a whole number from 1 to 1000; follow metadata.continue for more',
  },
  { query: "continue=x", message: "continue token is not valid" },
])("refused: $query", async ({ query, message }) => {
  const { app } = adminApi();
  const { body } = await request(app).get(`/v1/audit?${query}`).expect(400);
  expect(body).toEqual(failure(400, "BadRequest", message));
});
