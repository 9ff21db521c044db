import { expect, test } from "@jest/globals";
import request from "supertest";
import type { CertificateSigningRequest } from "../../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { decisionRecord } from "../../../builders/records.ts";
import { adminApi, failure } from "./fixture.ts";

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
