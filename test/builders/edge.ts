import type { Route } from "../../services/certificate-authority/http/call.ts";
import { createEdge, type EdgeDependencies } from "../../services/certificate-authority/http/edge.ts";
import { createMetrics } from "../../services/certificate-authority/http/metrics.ts";
import { createApp } from "../../services/certificate-authority/http/server.ts";
import { createLogger } from "../../services/shared/logging.ts";
import type { UserInfo } from "../../services/shared/user-info.ts";

export const ADMINISTRATOR: UserInfo = {
  username: "alice",
  uid: "",
  groups: ["gatehouse:administrators", "system:authenticated"],
  extra: {},
};

/** Edge dependencies that let everybody do everything as `ADMINISTRATOR`; override what a test is about. */
export function edgeDependencies(overrides: Partial<EdgeDependencies> = {}): EdgeDependencies {
  return {
    authenticate: async () => ({ user: ADMINISTRATOR, authenticated: ADMINISTRATOR }),
    authorizer: { authorize: async () => ({ allowed: true, reason: "" }) },
    rateLimiter: { takeForAddress() {}, takeForIdentity() {}, noteFailedAuthentication() {} },
    metrics: createMetrics(),
    logger: createLogger({ level: "silent" }),
    clock: { now: () => new Date("2026-01-02T03:04:05Z") },
    maxBodyBytes: 3 * 1024 * 1024,
    ...overrides,
  };
}

/** The Express application over these routes, ready for supertest. */
export function appOf(routes: readonly Route[], overrides: Partial<EdgeDependencies> = {}) {
  return createApp(createEdge(edgeDependencies(overrides)), routes);
}
