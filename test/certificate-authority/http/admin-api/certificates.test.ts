import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import request from "supertest";
import { buildIssuer } from "../../../builders/issuer.ts";
import { buildLeafCertificate } from "../../../builders/leaf-certificate.ts";
import { certificateRecord, issuerRecord } from "../../../builders/records.ts";
import { adminApi, bytes, failure } from "./fixture.ts";

const SHOWN = {
  apiVersion: "gatehouse.dev/v1",
  kind: "Certificate",
  serial: "0a1b2c",
  fingerprint: certificateRecord().fingerprint,
  state: "valid",
  signerName: "kubernetes.io/kube-apiserver-client-kubelet",
  issuerId: "11".repeat(32),
  nodeName: "node-1",
  commonName: "system:node:node-1",
  organizations: ["system:nodes"],
  dnsNames: [],
  emailAddresses: [],
  ipAddresses: [],
  uris: [],
  publicKeySha256: "22".repeat(32),
  notBefore: "2026-01-01T00:00:00Z",
  notAfter: "2026-02-01T00:00:00Z",
  issuedAt: "2026-01-01T00:05:00Z",
  request: {
    name: "csr-abcde",
    uid: "6f6e1d3a-0000-4000-8000-000000000001",
    requester: "system:bootstrap:abcdef",
  },
};
/** Its encoding is none, and no issuer is on record. */
const EXAMINED = {
  risks: [
    { kind: "unreadable", severity: "medium", message: "its encoding is unreadable" },
    { kind: "unknownIssuer", severity: "medium", message: "its issuer is not on record" },
  ],
  lineage: { predecessors: [], successors: [] },
};
const PEM = `-----BEGIN CERTIFICATE-----\n${Buffer.from("certificate 0a1b2c").toString("base64")}\n-----END CERTIFICATE-----\n`;

test("a list shows every certificate without its PEM", async () => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord());
  const response = await request(app).get("/v1/certificates").expect(200);
  expect(response.body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "CertificateList",
    metadata: {},
    items: [SHOWN],
  });
  expect(certificates.queries).toEqual([{ limit: 100 }]);
});

test("a list says where the next page starts", async () => {
  const { app, certificates } = adminApi();
  certificates.continueToken = "page-2";
  const response = await request(app).get("/v1/certificates").expect(200);
  expect(response.body.metadata).toEqual({ continue: "page-2" });
  expect(response.body.items).toEqual([]);
});

test.each([
  { query: "node=node-1", asked: { nodeName: "node-1", limit: 100 } },
  { query: "signer=a.b%2Fc", asked: { signerName: "a.b/c", limit: 100 } },
  { query: "request=csr-x", asked: { requestName: "csr-x", limit: 100 } },
  { query: "imported=true", asked: { isImported: true, limit: 100 } },
  { query: "imported=false", asked: { isImported: false, limit: 100 } },
  { query: "state=revoked", asked: { state: "revoked", limit: 100 } },
  { query: `issuer=${"Ab".repeat(32)}`, asked: { issuerId: "ab".repeat(32), limit: 100 } },
  { query: `key=${Array(32).fill("CD").join(":")}`, asked: { spkiSha256: "cd".repeat(32), limit: 100 } },
  { query: "san=*.Apps.Example", asked: { name: "*.apps.example", limit: 100 } },
  { query: "san=10.0.0.1", asked: { name: "10.0.0.1", limit: 100 } },
  { query: "san=FD00:0:0::1", asked: { name: "fd00::1", limit: 100 } },
  {
    query: "expiresAfter=2026-02-01T00:00:00Z&expiresBefore=2026-03-01T01:00:00%2B01:00",
    asked: {
      expiresAfter: new Date("2026-02-01T00:00:00Z"),
      expiresBefore: new Date("2026-03-01T00:00:00Z"),
      limit: 100,
    },
  },
  { query: "limit=1", asked: { limit: 1 } },
  { query: "limit=1000", asked: { limit: 1000 } },
  { query: "continue=abc", asked: { continueToken: "abc", limit: 100 } },
  {
    query: "expiresWithin=24h",
    asked: { state: "valid", expiresBefore: new Date("2026-01-03T03:04:05Z"), limit: 100 },
  },
  {
    query: "expiresWithin=30d&state=expired",
    asked: { state: "expired", expiresBefore: new Date("2026-02-01T03:04:05Z"), limit: 100 },
  },
])("GET /v1/certificates?$query asks the ledger for $asked", async ({ query, asked }) => {
  const { app, certificates } = adminApi();
  await request(app).get(`/v1/certificates?${query}`).expect(200);
  expect(certificates.queries).toEqual([asked]);
});

const LIMIT_RULE = "must be a whole number from 1 to 1000; follow metadata.continue for more";
const DURATION_RULE = "must be a duration such as 90m, 24h or 30d, of at most 36600 days";
const KNOWN =
  "known are node, signer, issuer, san, key, request, state, imported, expiresWithin, expiresBefore, expiresAfter, limit, continue";
const HEX_RULE = "64 hexadecimal digits, with or without colons";
const TIME_RULE = "must be an RFC 3339 time such as 2026-11-30T00:00:00Z";

test.each([
  { query: "limit=0", message: `query parameter "limit" is "0": ${LIMIT_RULE}` },
  { query: "limit=1001", message: `query parameter "limit" is "1001": ${LIMIT_RULE}` },
  { query: "limit=ten", message: `query parameter "limit" is "ten": ${LIMIT_RULE}` },
  { query: "limit=1e2", message: `query parameter "limit" is "1e2": ${LIMIT_RULE}` },
  { query: "imported=yes", message: 'query parameter "imported" is "yes": must be true or false' },
  { query: "state=old", message: 'query parameter "state" is "old": must be valid, expired or revoked' },
  { query: "issuer=default", message: `query parameter "issuer" is "default": must be an issuer's id: ${HEX_RULE}` },
  {
    query: "key=ab",
    message: `query parameter "key" is "ab": must be the SHA-256 of a SubjectPublicKeyInfo: ${HEX_RULE}`,
  },
  { query: "expiresBefore=2026", message: `query parameter "expiresBefore" is "2026": ${TIME_RULE}` },
  { query: "expiresAfter=tomorrow", message: `query parameter "expiresAfter" is "tomorrow": ${TIME_RULE}` },
  {
    query: "expiresWithin=1d&expiresBefore=2026-02-01T00:00:00Z",
    message: "expiresWithin and expiresBefore both say when the time ends; give one of them",
  },
  {
    query: `san=${"x".repeat(254)}`,
    message: `query parameter "san" is "${"x".repeat(79)}…: must have at most 253 characters`,
  },
  { query: "expiresWithin=24", message: `query parameter "expiresWithin" is "24": ${DURATION_RULE}` },
  { query: "expiresWithin=36601d", message: `query parameter "expiresWithin" is "36601d": ${DURATION_RULE}` },
  {
    query: "node=",
    message: 'query parameter "node" is "": must not be empty; leave the parameter out to ask for all',
  },
  { query: "nodes=a", message: `query parameter "nodes" is unknown; ${KNOWN}` },
  { query: "node=a&node=b", message: 'query parameter "node" is given more than once; give it once' },
  {
    query: "limit=0&state=old",
    message: `query parameter "state" is "old": must be valid, expired or revoked; query parameter "limit" is "0": ${LIMIT_RULE}`,
  },
])("GET /v1/certificates?$query is refused by name", async ({ query, message }) => {
  const { app, certificates } = adminApi();
  const response = await request(app).get(`/v1/certificates?${query}`).expect(400);
  expect(response.body).toEqual(failure(400, "BadRequest", message));
  expect(certificates.queries).toEqual([]);
});

test.each([
  { name: "revoked and still running", record: { state: "revoked" as const }, state: "revoked" },
  { name: "expired this second", record: { notAfter: new Date("2026-01-02T03:04:04Z") }, state: "expired" },
  { name: "in its last second", record: { notAfter: new Date("2026-01-02T03:04:05Z") }, state: "valid" },
  {
    name: "revoked and expired",
    record: { state: "revoked" as const, notAfter: new Date("2026-01-01T00:00:00Z") },
    state: "revoked",
  },
])("a certificate that is $name is $state", async ({ record, state }) => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord(record));
  const response = await request(app).get("/v1/certificates").expect(200);
  expect(response.body.items[0].state).toBe(state);
});

test("a certificate of our own leaves out what it has not", async () => {
  const { app, certificates } = adminApi();
  const none = { nodeName: undefined, requestName: undefined, requestUid: undefined, requester: undefined };
  certificates.records.push(certificateRecord({ ...none, predecessor: "33".repeat(32), keyReused: true }));
  const response = await request(app).get("/v1/certificates").expect(200);
  const { nodeName: _, request: __, ...rest } = SHOWN;
  expect(response.body.items).toEqual([{ ...rest, predecessor: "33".repeat(32), keyReused: true }]);
});

test("an imported certificate says when it was put on record", async () => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord({ importedAt: new Date("2026-01-02T00:00:00Z") }));
  const { body } = await request(app).get("/v1/certificates").expect(200);
  expect(body.items).toEqual([{ ...SHOWN, importedAt: "2026-01-02T00:00:00Z" }]);
});

test.each([
  ["serial", "0a1b2c"],
  ["serial in upper case", "0A1B2C"],
  ["serial with colons", "0A:1B:2C"],
  ["serial without its leading zero", "a1b2c"],
  ["fingerprint", certificateRecord().fingerprint],
])("a certificate is found by its %s", async (_, id) => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord());
  const response = await request(app).get(`/v1/certificates/${id}`).expect(200);
  expect(response.body).toEqual({ ...SHOWN, ...EXAMINED, certificatePem: PEM });
});

test.each([
  ["application/x-pem-file", PEM, "application/x-pem-file"],
  ["application/json;q=0.5, application/x-pem-file", PEM, "application/x-pem-file"],
  ["*/*", undefined, "application/json"],
  ["application/x-pem-file;q=0.1, application/*", undefined, "application/json"],
])("a certificate for Accept %j", async (accept, text, type) => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord());
  const response = await request(app).get("/v1/certificates/0a1b2c").set("Accept", accept).buffer(true).parse(bytes);
  expect(response.status).toBe(200);
  expect(response.headers["content-type"]).toBe(type);
  if (text !== undefined) expect(response.body.toString()).toBe(text);
});

test("a certificate in a form we do not have is refused", async () => {
  const { app, certificates } = adminApi();
  certificates.records.push(certificateRecord());
  const response = await request(app).get("/v1/certificates/0a1b2c").set("Accept", "text/html").expect(406);
  const message = "only the following media types are accepted: application/json, application/x-pem-file";
  expect(response.body).toEqual(failure(406, "NotAcceptable", message));
});

test.each([
  {
    id: "ff",
    code: 404,
    reason: "NotFound",
    message: "no certificate with serial or fingerprint ff is on record",
    details: { kind: "certificates", name: "ff" },
  },
  {
    id: "node-1",
    code: 400,
    reason: "BadRequest",
    message: '"node-1" is no certificate id: give a serial or a SHA-256 fingerprint in hexadecimal',
  },
  {
    id: "%20",
    code: 400,
    reason: "BadRequest",
    message: '" " is no certificate id: give a serial or a SHA-256 fingerprint in hexadecimal',
  },
  {
    id: "a".repeat(65),
    code: 400,
    reason: "BadRequest",
    message: `"${"a".repeat(65)}" is no certificate id: give a serial or a SHA-256 fingerprint in hexadecimal`,
  },
  {
    id: "ff?pretty=1",
    code: 400,
    reason: "BadRequest",
    message: 'query parameter "pretty" is unknown; none is known here',
  },
])("GET /v1/certificates/$id answers $code", async ({ id, code, reason, message, details }) => {
  const { app } = adminApi();
  const response = await request(app).get(`/v1/certificates/${id}`).expect(code);
  expect(response.body).toEqual(failure(code, reason, message, details));
});

test("a certificate shows what its encoding says, its risks and its kin", async () => {
  const { app, certificates, issuers } = adminApi();
  const der = leafDer();
  const own = { issuerId: "aa".repeat(32), spkiSha256: "bb".repeat(32) };
  const first = certificateRecord({ serial: "01", notAfter: new Date("2026-01-01T00:00:00Z") });
  const second = certificateRecord({ ...own, der, serial: "02", predecessor: first.fingerprint, keyReused: false });
  const third = certificateRecord({ serial: "03", predecessor: second.fingerprint, keyReused: true });
  const thief = certificateRecord({
    serial: "04",
    spkiSha256: own.spkiSha256,
    nodeName: undefined,
    commonName: "thief",
  });
  certificates.records.push(thief, third, second, first);
  issuers.records.push(issuerRecord({ id: own.issuerId }));
  const { body } = await request(app).get(`/v1/certificates/${second.fingerprint}`).expect(200);
  expect(body.details).toEqual({
    ...{ keyAlgorithm: "ECDSA P-256", signatureAlgorithm: "ecdsa-with-SHA256" },
    ...{ extendedKeyUsages: ["clientAuth"], isAuthority: false },
  });
  expect(body.risks.map(({ kind }: { kind: string }) => kind)).toEqual(["sharedKey"]);
  const ids = (kin: readonly { serial: string; state: string }[]) =>
    kin.map(({ serial, state }) => `${serial} ${state}`);
  expect(ids(body.lineage.predecessors)).toEqual(["01 expired"]);
  expect(ids(body.lineage.successors)).toEqual(["03 valid"]);
  expect(body.lineage.successors[0]).toMatchObject({ fingerprint: third.fingerprint, keyReused: true });
});

function leafDer(): Buffer {
  const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const validity = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2026-02-01T00:00:00Z") };
  const names = { commonName: "system:node:node-1", organization: "system:nodes" };
  return new X509Certificate(buildLeafCertificate({ issuer: buildIssuer(), ...names, key, ...validity })).raw;
}
