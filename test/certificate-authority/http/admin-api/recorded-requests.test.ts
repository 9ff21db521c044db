import { expect, test } from "@jest/globals";
import request from "supertest";
import type { ReviewDocument } from "../../../../services/certificate-authority/domain/review-document.ts";
import { decisionRecord } from "../../../builders/records.ts";
import { adminApi } from "./fixture.ts";

const IDENTITY = { name: "csr-abcde", uid: "u", signerName: "s", requester: "r" };
const document = { kind: "Review", now: "2026-01-01T00:00:00.250Z" } as unknown as ReviewDocument;

test("a page holds documents, decisions and what became of them", async () => {
  const { app, recorded } = adminApi();
  const settlement = { outcome: "denied", reason: "ByHand", decidedBy: "alice", decidedAt: new Date(7_000) } as const;
  recorded.items.push(
    { request: IDENTITY, document, decision: decisionRecord(), settlement },
    { request: IDENTITY, document: undefined, decision: undefined, settlement: undefined },
  );
  const response = await request(app).get("/v1/recorded-requests").expect(200);
  expect(response.body).toEqual({
    ...{ apiVersion: "gatehouse.dev/v1", kind: "RecordedRequestList", metadata: {} },
    items: [
      {
        ...{ apiVersion: "gatehouse.dev/v1", kind: "RecordedRequest", request: IDENTITY, document },
        decision: expect.objectContaining({ kind: "Decision", outcome: "approved", trace: decisionRecord().trace }),
        settlement: { ...settlement, decidedAt: "1970-01-01T00:00:07Z" },
      },
      { apiVersion: "gatehouse.dev/v1", kind: "RecordedRequest", request: IDENTITY },
    ],
  });
});

test("since, limit and continue reach the record", async () => {
  const { app, recorded } = adminApi();
  const item = { request: IDENTITY, document, decision: undefined, settlement: undefined };
  recorded.items.push(item, item, item);
  const first = await request(app).get("/v1/recorded-requests?since=2026-01-31T12:00:00Z&limit=2").expect(200);
  expect(first.body.items).toHaveLength(2);
  await request(app).get(`/v1/recorded-requests?limit=2&continue=${first.body.metadata.continue}`).expect(200);
  expect(recorded.queries).toEqual([
    { since: new Date("2026-01-31T12:00:00Z"), limit: 2, continueToken: undefined },
    { since: new Date(0), limit: 2, continueToken: "2" },
  ]);
});

test.each(["since=yesterday", "limit=0", "limit=501", "limit=1.5", "continue=", "node=a"])(
  "?%s is refused",
  async (query) => {
    const { app, recorded } = adminApi();
    await request(app).get(`/v1/recorded-requests?${query}`).expect(400);
    expect(recorded.queries).toEqual([]);
  },
);
