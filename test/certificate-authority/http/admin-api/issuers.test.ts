import { expect, test } from "@jest/globals";
import request from "supertest";
import { issuerRecord } from "../../../builders/records.ts";
import { adminApi, bytes, failure } from "./fixture.ts";

const PEM = "-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n";
const SHOWN = {
  apiVersion: "gatehouse.dev/v1",
  kind: "Issuer",
  id: "11".repeat(32),
  name: "default",
  commonName: "gatehouse-ca",
  slot: "active",
  origin: "generated",
  keyAlgorithm: "ecdsa-p256",
  serial: "01",
  notBefore: "2026-01-01T00:00:00Z",
  notAfter: "2026-12-31T23:59:59Z",
  createdAt: "2026-01-01T00:00:00Z",
  certificatePem: PEM,
};

test("issuers are listed and shown", async () => {
  const { app, issuers } = adminApi();
  issuers.records.push(issuerRecord());
  const list = await request(app).get("/v1/issuers").expect(200);
  expect(list.body).toEqual({ apiVersion: "gatehouse.dev/v1", kind: "IssuerList", metadata: {}, items: [SHOWN] });
  const one = await request(app).get(`/v1/issuers/${SHOWN.id.toUpperCase()}`).expect(200);
  expect(one.body).toEqual(SHOWN);
  const accept = "application/x-pem-file";
  const pem = await request(app).get(`/v1/issuers/${SHOWN.id}`).set("Accept", accept).buffer(true).parse(bytes);
  expect(pem.body.toString()).toBe(PEM);
});

test("an unknown issuer is not found", async () => {
  const { app } = adminApi();
  const response = await request(app).get("/v1/issuers/ab").expect(404);
  const details = { kind: "issuers", name: "ab" };
  const message = "no issuer ab is on record; /v1/issuers lists them";
  expect(response.body).toEqual(failure(404, "NotFound", message, details));
});

const withPem = (id: string, pem: string, overrides = {}) => issuerRecord({ id, certificatePem: pem, ...overrides });

test("the trust bundle holds every slot in a fixed order, without what expired", async () => {
  const { app, issuers } = adminApi();
  issuers.records.push(
    withPem("cc", "prepared", { slot: "prepared" }),
    withPem("aa", "old\n\n", { slot: "old", notAfter: new Date("2026-01-02T03:04:05Z") }),
    withPem("bb", "active\n"),
    withPem("dd", "expired\n", { notAfter: new Date("2026-01-02T03:04:04Z") }),
  );
  const response = await request(app).get("/v1/trust-bundle").buffer(true).parse(bytes);
  expect(response.status).toBe(200);
  expect(response.headers["content-type"]).toBe("application/x-pem-file");
  expect(response.body.toString()).toBe("old\nactive\nprepared\n");
});

test("the trust bundle's ETag spares the unchanged bundle, and changes with it", async () => {
  const { app, issuers } = adminApi();
  issuers.records.push(issuerRecord());
  const { etag } = (await request(app).get("/v1/trust-bundle").expect(200)).headers;
  expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
  for (const value of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await request(app).get("/v1/trust-bundle").set("If-None-Match", String(value)).expect(304);
    expect(again.headers["etag"]).toBe(etag);
  }
  issuers.records.push(withPem("22", "second\n"));
  await request(app).get("/v1/trust-bundle").set("If-None-Match", String(etag)).expect(200);
});

test("the trust bundle is PEM and nothing else", async () => {
  const { app } = adminApi();
  const response = await request(app).get("/v1/trust-bundle").set("Accept", "application/json").expect(406);
  const message = "only the following media types are accepted: application/x-pem-file, text/plain";
  expect(response.body).toEqual(failure(406, "NotAcceptable", message));
});
