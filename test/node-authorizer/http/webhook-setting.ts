import { createServer } from "node:http";
import supertest from "supertest";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { createVeto } from "../../../services/node-authorizer/domain/veto.ts";
import { createMetrics } from "../../../services/node-authorizer/http/metrics.ts";
import { createWebhooks, type Decisions } from "../../../services/node-authorizer/http/webhooks.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

export const REVOKED = "ab".repeat(32);
export const NODE = { user: "system:node:n1", groups: ["system:nodes", "system:authenticated"] };
export const GET_SECRET = { verb: "get", version: "v1", resource: "secrets", namespace: "shop", name: "database" };

/** The webhooks of a cluster in which node n1 has one pod, which reads secret shop/database. */
export function setUp(overrides: Partial<Decisions> = {}) {
  const { logger, lines } = recordingLogger();
  const authorizer = createNodeAuthorizer();
  const spec = { nodeName: "n1", containers: [{ envFrom: [{ secretRef: { name: "database" } }] }] };
  authorizer.apply({
    kind: "Pod",
    type: "ADDED",
    object: { metadata: { name: "p", namespace: "shop", uid: "u" }, spec },
  });
  const decisions: Decisions = {
    unreadiness: () => undefined,
    veto: createVeto({
      isRevoked: (fingerprint) => fingerprint === REVOKED,
      isQuarantined: (name) => name === "n9",
      requireCredentialId: false,
    }),
    authorize: authorizer.authorize,
    admit: authorizer.admit,
    isAudienceAllowed: async () => false,
    ...overrides,
  };
  const metrics = createMetrics({
    graph: () => ({ sizes: {}, eventsApplied: 0 }),
    feed: () => ({ isSynced: true, lagSeconds: 0 }),
    revocations: () => undefined,
  });
  const { authorize, admit } = createWebhooks({ decisions, metrics, logger });
  return {
    lines,
    metrics,
    authorize: supertest(createServer((request, response) => authorize(request, response))),
    admit: supertest(createServer((request, response) => admit(request, response))),
  };
}

export const accessReview = (spec: object, more: object = {}) => ({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SubjectAccessReview",
  metadata: { creationTimestamp: null },
  spec,
  status: { allowed: false },
  ...more,
});

export const admissionReview = (request: object, more: object = {}) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "review-1",
    operation: "DELETE",
    resource: { group: "", version: "v1", resource: "nodes" },
    name: "n1",
    userInfo: { username: NODE.user, groups: NODE.groups },
    ...request,
  },
  ...more,
});

export const credential = (value: string) => ({ "authentication.kubernetes.io/credential-id": [value] });
