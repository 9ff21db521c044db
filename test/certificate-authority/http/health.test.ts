import { expect, test } from "@jest/globals";
import supertest from "supertest";
import { healthRoutes } from "../../../services/certificate-authority/http/health.ts";
import { createMetrics } from "../../../services/certificate-authority/http/metrics.ts";
import { appOf } from "../../builders/edge.ts";

const healthy = { ledger: async () => {} };
const failing = { ledger: async () => {}, signer: () => Promise.reject(new Error("disk /secret is gone")) };

test.each([
  { path: "/livez", checks: failing, status: 200, text: "ok" },
  { path: "/healthz", checks: healthy, status: 200, text: "ok" },
  { path: "/readyz", checks: healthy, status: 200, text: "ok" },
  { path: "/readyz?verbose", checks: healthy, status: 200, text: "[+]ledger ok\nok\n" },
  { path: "/readyz", checks: failing, status: 503, text: "[+]ledger ok\n[-]signer failed\nnot ready\n" },
])("$path answers $status", async ({ path, checks, status, text }) => {
  const app = appOf(healthRoutes({ readinessChecks: checks, metrics: createMetrics() }));
  const answer = await supertest(app).get(path);
  expect([answer.status, answer.text]).toEqual([status, text]);
});

test("/metrics shows what the sources say", async () => {
  const metrics = createMetrics();
  metrics.attach({
    pending: async () => ({ count: 3, oldest: new Date("2026-01-01T00:00:00Z") }),
    certificatesExpiringBefore: async (bounds) => ({ counts: bounds.map((_, index) => index + 1), valid: 9 }),
    issuers: async () => [{ id: "ab".repeat(32), commonName: "ca", slot: "active", notAfter: new Date(5000) }],
    configuredIssuers: () => [],
    queueDepth: () => 2,
    watches: () => 4,
    revision: () => 77,
    now: () => new Date("2026-01-01T00:01:00Z"),
  });
  metrics.issued("kubernetes.io/kubelet-serving", 0.2);
  metrics.decided("approved", "gatehouse", "evil.example/x");
  const { text } = await supertest(appOf(healthRoutes({ readinessChecks: {}, metrics }))).get("/metrics");
  for (const line of [
    "gatehouse_pending_requests 3",
    "gatehouse_pending_oldest_age_seconds 60",
    'gatehouse_certificates{expires_within="7d"} 2',
    'gatehouse_certificates{expires_within="all"} 9',
    'gatehouse_issuer_not_after_seconds{issuer="abababababababab",common_name="ca",slot="active"} 5',
    "gatehouse_issuance_queue_depth 2",
    "gatehouse_watches 4",
    "gatehouse_ledger_revision 77",
    'gatehouse_issuance_seconds_count{signer="kubernetes.io/kubelet-serving"} 1',
    'gatehouse_decisions_total{outcome="approved",by="gatehouse",signer="other"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
