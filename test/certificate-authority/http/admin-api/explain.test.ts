import { expect, test } from "@jest/globals";
import request from "supertest";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { ADMINISTRATOR } from "../../../builders/edge.ts";
import { decisionRecord } from "../../../builders/records.ts";
import { storedCsr } from "../../../builders/stored-csr.ts";
import { adminApi, NOW } from "./fixture.ts";

const PEM = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
const SERVING = "kubernetes.io/kubelet-serving";
const BASE64 = Buffer.from(PEM).toString("base64");
const CSR = {
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  metadata: { name: "csr-1", labels: { zone: "a" } },
  spec: { request: BASE64, signerName: SERVING, usages: ["server auth"] },
};

function api() {
  const made = adminApi();
  const { outcome, hook, reason, message, trace } = decisionRecord();
  made.issuance.rehearsal = {
    csr: storedCsr("csr-1"),
    decision: { outcome, hook, reason, message, trace },
    decidedAt: NOW,
  };
  return made;
}

test("a CertificateSigningRequest is decided as the caller's, and says what would change the outcome", async () => {
  const { app, issuance } = api();
  const response = await request(app).post("/v1/explain").send(CSR).expect(200);
  expect(response.body).toMatchObject({
    ...{ apiVersion: "gatehouse.dev/v1", kind: "Decision", rehearsal: true, outcome: "approved" },
    request: { name: "csr-1", requester: "alice" },
    decidedAt: "2026-01-02T03:04:05Z",
    trace: decisionRecord().trace,
  });
  expect(response.body.explanation.flips[0].message).toBe("pending if kubelet-client did not approve it");
  expect(issuance.rehearsals).toMatchObject([
    { requester: ADMINISTRATOR, draft: { metadata: { name: "csr-1", labels: { zone: "a" } }, spec: CSR.spec } },
  ]);
});

test.each([
  { signerName: SERVING, usages: ["digital signature", "server auth"] },
  { signerName: "kubernetes.io/kube-apiserver-client-kubelet", usages: ["digital signature", "client auth"] },
])("a CSR in PEM for $signerName asks for the usages of kubelets", async ({ signerName, usages }) => {
  const { app, issuance } = api();
  await request(app).post("/v1/explain").send({ requestPem: PEM, signerName, expirationSeconds: 3600 }).expect(200);
  expect(issuance.rehearsals[0]?.draft.spec).toEqual({ request: BASE64, signerName, usages, expirationSeconds: 3600 });
});

test("another requester is taken to ask by who may impersonate every part of it", async () => {
  const { app, issuance, authorizer } = api();
  const asked: unknown[] = [];
  authorizer.refuses = (user, attributes) => {
    asked.push([user.username, attributes]);
    return false;
  };
  const requester = { username: "system:node:a", groups: ["system:nodes"], uid: "7", extra: { Rack: ["9"] } };
  await request(app)
    .post("/v1/explain")
    .send({ ...CSR, requester })
    .expect(200);
  expect(issuance.rehearsals[0]?.requester).toEqual({
    ...{ username: "system:node:a", uid: "7", extra: { rack: ["9"] } },
    groups: ["system:nodes", "system:authenticated"],
    impersonatedBy: "alice",
  });
  expect(asked).toMatchObject(
    ["users", "groups", "userextras", "uids"].map((resource) => ["alice", { verb: "impersonate", resource }]),
  );
});

test("who may not impersonate a part of the requester is refused, and nothing is decided", async () => {
  const { app, issuance, authorizer } = api();
  authorizer.refuses = (_, attributes) => attributes.kind === "resource" && attributes.resource === "groups";
  const requester = { username: "bob", groups: ["system:masters"] };
  const response = await request(app)
    .post("/v1/explain")
    .send({ ...CSR, requester })
    .expect(403);
  expect(response.body.message).toContain('cannot impersonate resource "groups"');
  expect(issuance.rehearsals).toEqual([]);
});

test.each([
  { name: "nothing", body: {}, says: "spec" },
  { name: "both forms", body: { ...CSR, requestPem: PEM, signerName: SERVING }, says: "give either" },
  { name: "PEM without a signer", body: { requestPem: PEM }, says: "signerName" },
  { name: "a signer twice", body: { ...CSR, signerName: SERVING }, says: "spec has its own" },
  { name: "an unknown field", body: { ...CSR, user: "bob" }, says: "user: unknown field" },
  { name: "groups without a user", body: { ...CSR, requester: { groups: ["a"] } }, says: "requester.username" },
  { name: "another kind", body: { ...CSR, kind: "Pod" }, says: "kind" },
])("a body with $name is refused by its field", async ({ body, says }) => {
  const { app, issuance } = api();
  const response = await request(app).post("/v1/explain").send(body).expect(422);
  expect(response.body.message).toContain(says);
  expect(issuance.rehearsals).toEqual([]);
});

test("a spec that is none is refused as when it is created", async () => {
  const { app } = api();
  const response = await request(app)
    .post("/v1/explain")
    .send({ spec: { request: 7 } });
  expect(response.status).toBe(400);
});

test("what creating would refuse is refused alike", async () => {
  const { app, issuance } = api();
  issuance.rehearsal = new StatusError("Forbidden", "not this one");
  await request(app).post("/v1/explain").send(CSR).expect(403);
});
