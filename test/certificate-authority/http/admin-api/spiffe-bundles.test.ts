import { X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import request from "supertest";
import { buildIssuer } from "../../../builders/issuer.ts";
import { issuerRecord } from "../../../builders/records.ts";
import { adminApi } from "./fixture.ts";

const PATH = "/v1/spiffe/bundles/example.org";

test("a bundle has the CAs of its issuers as JSON Web Keys, and changes its tag with them", async () => {
  const { app, issuers } = adminApi();
  const { certificatePem } = buildIssuer();
  const other = buildIssuer();
  issuers.records.push(
    issuerRecord({ certificatePem }),
    issuerRecord({ id: "22", name: "other", certificatePem: other.certificatePem }),
  );
  const { body, headers } = await request(app).get(PATH).expect(200);
  const { publicKey, raw } = new X509Certificate(certificatePem);
  expect(body).toEqual({
    spiffe_sequence: Date.parse("2026-01-01T00:00:00Z") / 1000,
    spiffe_refresh_hint: 300,
    keys: [{ ...publicKey.export({ format: "jwk" }), use: "x509-svid", x5c: [raw.toString("base64")] }],
  });
  await request(app).get(PATH).set("If-None-Match", String(headers["etag"])).expect(304);
  issuers.records.push(issuerRecord({ id: "33", certificatePem: other.certificatePem, slot: "prepared" }));
  const changed = await request(app).get(PATH).set("If-None-Match", String(headers["etag"])).expect(200);
  expect(changed.body.keys).toHaveLength(2);
});

test("an unknown trust domain is not found", async () => {
  const { body } = await request(adminApi().app).get("/v1/spiffe/bundles/example.com").expect(404);
  expect(body).toMatchObject({ reason: "NotFound", message: "no signer of that trust domain is configured" });
});
