import { beforeEach, expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi, NOW } from "./fixture.ts";

const DAY = 86_400_000;
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY);
const item = {
  ...{ index: 0, name: "node-1", namesHash: 0, isNode: true, certificateId: 1, fingerprint: "ab".repeat(32) },
  ...{ signerName: "kubernetes.io/kubelet-serving", state: "overdue" as const, renewsItself: true, shareThatAsked: 1 },
  ...{ notBefore: inDays(-95), notAfter: inDays(5), renewalBegins: inDays(-25), renewalEnds: inDays(-5) },
  asksAgainWithinSeconds: 936,
};

let api: ReturnType<typeof adminApi>;

beforeEach(() => {
  api = adminApi();
});

test("the states of certificates are counted and listed", async () => {
  const counts = { fresh: 1, due: 2, overdue: 3, lost: 4 };
  api.fleetExpiry.reports = {
    ...{ observedAt: NOW, isCut: true, continueToken: "next" },
    signers: [{ signerName: "s", counts, soonest: inDays(5) }],
    items: [item, { ...item, name: "alice", isNode: false, renewsItself: false, asksAgainWithinSeconds: undefined }],
  };
  const { body } = await request(api.app)
    .get("/v1/expiry?state=overdue,lost&signer=s&node=n&limit=2&continue=c")
    .expect(200);
  expect(api.fleetExpiry.asked).toEqual([
    { states: ["overdue", "lost"], signerName: "s", nodeName: "n", limit: 2, continueToken: "c" },
  ]);
  expect(body).toMatchObject({
    ...{ kind: "ExpiryReport", metadata: { continue: "next" }, isIncomplete: true },
    counts: [{ signerName: "s", ...counts, soonestEnd: "2026-01-07T03:04:05Z" }],
    items: [{ name: "node-1", nodeName: "node-1", state: "overdue", asksAgainWithinSeconds: 936 }, { name: "alice" }],
  });
  expect(body.items[1]).not.toHaveProperty("nodeName");
});

test("a forecast is JSON, or SVG for who asks for that", async () => {
  api.fleetExpiry.forecasts = {
    ...{ from: NOW, until: inDays(10), observedAt: NOW, bucketSeconds: 86_400, nodes: 2, leaving: 1, lost: 0 },
    buckets: [{ from: NOW, nodes: 1, serving: 0 }],
    items: [{ nodeName: "node-1", at: inDays(1), signerName: "s", leavesAt: inDays(2) }],
    continueToken: undefined,
  };
  const { body } = await request(api.app).get("/v1/expiry/forecast?until=10d&buckets=1&limit=5").expect(200);
  expect(api.fleetExpiry.asked).toEqual([{ untilSeconds: 864_000, buckets: 1, limit: 5, continueToken: undefined }]);
  expect(body).toMatchObject({
    ...{ kind: "ExpiryForecast", metadata: {}, nodes: 2, leaving: 1, until: "2026-01-12T03:04:05Z" },
    buckets: [{ from: "2026-01-02T03:04:05Z", nodes: 1, serving: 0 }],
    items: [{ nodeName: "node-1", at: "2026-01-03T03:04:05Z", leavesAt: "2026-01-04T03:04:05Z" }],
  });
  const plot = await request(api.app).get("/v1/expiry/forecast").set("accept", "image/svg+xml").expect(200);
  expect(plot.headers["content-type"]).toBe("image/svg+xml");
  expect(plot.headers["content-security-policy"]).toContain("script-src 'self'");
  expect(Buffer.from(plot.body).toString()).toContain("<svg");
});

test.each([
  ["/v1/expiry?state=fine", "fresh,due,overdue,lost"],
  ["/v1/expiry?limit=0", "from 1 to 1000"],
  ["/v1/expiry?nodes=a", "unknown"],
  ["/v1/expiry/forecast?until=tomorrow", "duration"],
  ["/v1/expiry/forecast?until=0s", "duration"],
  ["/v1/expiry/forecast?buckets=501", "from 1 to 500"],
])("%s is refused in words", async (path, says) => {
  const { body } = await request(api.app).get(path).expect(400);
  expect(body.message).toContain(says);
});
