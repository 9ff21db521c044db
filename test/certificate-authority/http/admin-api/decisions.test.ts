import { expect, test } from "@jest/globals";
import request from "supertest";
import type { CertificateSigningRequest } from "../../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { admittingRequesters } from "../../../../services/certificate-authority/http/admin-api/own-decision.ts";
import { routes } from "../../../../services/certificate-authority/http/admin-api/routes.ts";
import type { UserInfo } from "../../../../services/shared/user-info.ts";
import { appOf } from "../../../builders/edge.ts";
import { decisionRecord } from "../../../builders/records.ts";
import { adminApi, failure, NOW } from "./fixture.ts";

test("every decision on a request is shown with its whole trace, in the ledger's order", async () => {
  const { app, decisions } = adminApi();
  const pending = decisionRecord({ outcome: "pending", hook: undefined, reason: "", message: "", trace: [] });
  decisions.records.push(pending, decisionRecord(), decisionRecord({ requestName: "csr-other" }));
  const response = await request(app).get("/v1/requests/csr-abcde/decision").expect(200);
  const common = {
    apiVersion: "gatehouse.dev/v1",
    kind: "Decision",
    request: {
      name: "csr-abcde",
      uid: "6f6e1d3a-0000-4000-8000-000000000001",
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      requester: "system:bootstrap:abcdef",
    },
    decidedBy: "gatehouse",
    decidedAt: "2026-01-01T00:05:00Z",
  };
  expect(response.body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "DecisionList",
    metadata: {},
    items: [
      { ...common, outcome: "pending", reason: "", message: "", trace: [] },
      {
        ...common,
        outcome: "approved",
        hook: "kubelet-client",
        reason: "AutoApproved",
        message: "the requester may create nodeclient",
        trace: decisionRecord().trace,
        explanation: { flips: expect.any(Array) },
      },
    ],
  });
});

test("a request that nobody has judged yet has no decisions", async () => {
  const { app, requests } = adminApi();
  requests.objects.set("csr-new", {} as CertificateSigningRequest);
  const response = await request(app).get("/v1/requests/csr-new/decision").expect(200);
  expect(response.body.items).toEqual([]);
});

test("a name is percent-decoded", async () => {
  const { app, decisions } = adminApi();
  decisions.records.push(decisionRecord({ requestName: "csr a" }));
  const response = await request(app).get("/v1/requests/csr%20a/decision").expect(200);
  expect(response.body.items).toHaveLength(1);
});

test("a request that never was is not found", async () => {
  const { app } = adminApi();
  const response = await request(app).get("/v1/requests/csr-none/decision").expect(404);
  const message = 'no request "csr-none" exists and no decision on one is on record';
  expect(response.body).toEqual(failure(404, "NotFound", message, { kind: "requests", name: "csr-none" }));
});

test("the newest decision comes with what would make it another, and how to get there", async () => {
  const { app, decisions } = adminApi();
  const evidence = { hint: "ask for 86400 s or less" };
  const denial = { hook: "policy", required: false, kind: "denied", reason: "TooLong", message: "too long" } as const;
  const trace = [{ ...denial, evidence, durationMicroseconds: 5 }];
  decisions.records.push(decisionRecord(), decisionRecord({ outcome: "denied", hook: "policy", trace }));
  const response = await request(app).get("/v1/requests/csr-abcde/decision").expect(200);
  const [first, newest] = response.body.items;
  expect(first).not.toHaveProperty("explanation");
  expect(newest.explanation.flips).toEqual([
    {
      outcome: "approved",
      message:
        "approved if policy did not deny it; the hooks behind it would be asked then; one of the hooks has to approve",
      needsApproval: true,
      asksOn: true,
      asks: [],
      changes: [{ hook: "policy", from: "denied", to: ["approved", "noOpinion", "skipped"], ...evidence }],
    },
  ]);
});

/** Somebody who has no right to any path. */
function asOutsider(username: string) {
  const api = adminApi();
  api.authorizer.refuses = () => true;
  const user: UserInfo = { username, uid: "", groups: ["system:authenticated"], extra: {} };
  const authenticate = async () => ({ user, authenticated: user });
  const authorizer = admittingRequesters(api.authorizer);
  return { ...api, app: appOf(routes({ ...api, clock: { now: () => NOW } }), { authenticate, authorizer }) };
}

test("the requester reads the newest decision on its own request, without what it rests on", async () => {
  const { app, decisions } = asOutsider("system:bootstrap:abcdef");
  decisions.records.push(
    decisionRecord({ outcome: "pending" }),
    decisionRecord({ decidedBy: "alice" }),
    decisionRecord({ requester: "somebody-else" }),
  );
  const response = await request(app).get("/v1/requests/csr-abcde/decision").expect(200);
  const [shown, ...others] = response.body.items;
  expect(others).toEqual([]);
  expect(shown).toMatchObject({ outcome: "approved", reason: "AutoApproved", redacted: true, hook: "kubelet-client" });
  expect(shown.message).toBe("the requester may create nodeclient");
  expect(shown.trace).toEqual([
    { ...shown.trace[0], hook: "manual", kind: "noOpinion", message: "", evidence: {} },
    { ...shown.trace[1], hook: "kubelet-client", kind: "approved", message: "", evidence: {} },
  ]);
  expect(JSON.stringify(shown)).not.toMatch(/alice|hint|recogniser|nobody has decided/);
});

test("hints do not reach the requester", async () => {
  const { app, decisions } = asOutsider("system:bootstrap:abcdef");
  const entry = { hook: "kubelet-serving", required: true, kind: "noOpinion", reason: "NoEvidence" } as const;
  const evidence = { hint: "add it to /etc/inventory.csv" };
  const trace = [{ ...entry, message: "inventory.csv lacks it", evidence, durationMicroseconds: 1 }];
  decisions.records.push(decisionRecord({ outcome: "pending", hook: undefined, message: "waits", trace }));
  const response = await request(app).get("/v1/requests/csr-abcde/decision").expect(200);
  expect(response.body.items[0].explanation.flips[0].message).toBe("approved if kubelet-serving approved it");
  expect(response.text).not.toContain("inventory");
});

test("a requester whose request nobody has judged yet is told so", async () => {
  const { app, requests } = asOutsider("somebody");
  const spec = { username: "somebody" };
  requests.objects.set("csr-new", { spec } as unknown as CertificateSigningRequest);
  const response = await request(app).get("/v1/requests/csr-new/decision").expect(200);
  expect(response.body.items).toEqual([]);
});

test.each(["csr-abcde", "csr-none"])(
  "somebody else is refused, and cannot tell whether there is a %s",
  async (name) => {
    const { app, decisions } = asOutsider("mallory");
    decisions.records.push(decisionRecord());
    const path = `/v1/requests/${name}/decision`;
    const response = await request(app).get(path).expect(403);
    expect(response.body).toEqual(failure(403, "Forbidden", `forbidden: User "mallory" cannot get path "${path}"`));
  },
);

test("nothing but that one path is opened to requesters, and not to the anonymous", async () => {
  const { app } = asOutsider("mallory");
  for (const path of ["/v1/requests/a/decisions", "/v1/certificates", "/v1/requests/a/b/decision"]) {
    expect((await request(app).get(path)).status).toBe(403);
  }
  expect((await request(app).post("/v1/requests/a/decision")).status).toBe(403);
  const authorizer = admittingRequesters({ authorize: () => ({ allowed: false, reason: "" }) });
  const attributes = { kind: "path", verb: "get", path: "/v1/requests/a/decision" } as const;
  const anonymous = { username: "system:anonymous", uid: "", groups: ["system:unauthenticated"], extra: {} };
  expect(await authorizer.authorize(anonymous, attributes)).toMatchObject({ allowed: false });
});
