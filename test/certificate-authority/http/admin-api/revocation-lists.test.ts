import { expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi, bytes, NOW } from "./fixture.ts";

const ISSUER = "ab".repeat(32);

function withList() {
  const api = adminApi();
  const der = Buffer.from("not really a CRL, but octets");
  api.revocationLists.lists.set(ISSUER, {
    ...{ issuerId: ISSUER, der, entries: 1, number: 7, thisUpdate: NOW, nextUpdate: NOW },
  });
  return { ...api, der };
}

test.each([undefined, "*/*", "application/pkix-crl"])("who accepts %s gets the CRL as DER", async (accept) => {
  const { app, der } = withList();
  const asked = request(app).get(`/v1/crls/${ISSUER.toUpperCase()}`).buffer(true).parse(bytes);
  const response = await (accept === undefined ? asked : asked.set("accept", accept)).expect(200);
  expect(response.headers).toMatchObject({ "content-type": "application/pkix-crl", etag: '"7"' });
  expect(response.body).toEqual(der);
});

test("as PEM it has another entity tag", async () => {
  const { app, der } = withList();
  const response = await request(app).get(`/v1/crls/${ISSUER}`).set("accept", "application/x-pem-file").expect(200);
  expect(response.headers["etag"]).toBe('"7-pem"');
  expect(response.text).toBe(`-----BEGIN X509 CRL-----\n${der.toString("base64")}\n-----END X509 CRL-----\n`);
});

test("who has it already is told so", async () => {
  const { app } = withList();
  await request(app).get(`/v1/crls/${ISSUER}`).set("if-none-match", 'W/"7"').expect(304);
  await request(app).get(`/v1/crls/${ISSUER}`).set("if-none-match", '"6"').expect(200);
});

test("what is no issuer has no CRL", async () => {
  const { app } = withList();
  await request(app)
    .get(`/v1/crls/${"cd".repeat(32)}`)
    .expect(404);
  await request(app).get("/v1/crls/default").expect(400);
  await request(app).get(`/v1/crls/${ISSUER}?delta=1`).expect(400);
});
