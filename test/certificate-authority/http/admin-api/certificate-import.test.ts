import { expect, test } from "@jest/globals";
import request from "supertest";
import type { ImportItem, ImportOutcome } from "../../../../services/certificate-authority/issuance/import.ts";
import { certificateRecord } from "../../../builders/records.ts";
import { adminApi } from "./fixture.ts";

const PATH = "/v1/certificates/import";

test("what became of each certificate is told in order, with counts", async () => {
  const { app, importing } = adminApi();
  const record = certificateRecord({ nodeName: undefined });
  const outcomes = new Map<string, ImportOutcome>([
    ["new", { kind: "imported", record: certificateRecord() }],
    ["old", { kind: "known", record }],
    ["bad", { kind: "refused", reason: "unknownIssuer", message: "nobody signed it" }],
  ]);
  importing.outcomeOf = ({ certificatePem }: ImportItem) => outcomes.get(certificatePem) as ImportOutcome;
  const items = [{ certificatePem: "new", source: "a.crt" }, { certificatePem: "old" }, { certificatePem: "bad" }];
  const { body } = await request(app).post(PATH).send({ items }).expect(200);
  const { fingerprint, serial, commonName, signerName } = record;
  expect(body).toEqual({
    ...{ apiVersion: "gatehouse.dev/v1", kind: "CertificateImportOutcome", dryRun: false },
    ...{ imported: 1, known: 1, refused: 1 },
    items: [
      { source: "a.crt", outcome: "imported", fingerprint, serial, commonName, signerName, nodeName: "node-1" },
      { outcome: "known", fingerprint, serial, commonName, signerName },
      { outcome: "refused", reason: "unknownIssuer", message: "nobody signed it" },
    ],
  });
  expect(importing.calls).toMatchObject([{ dryRun: false, items: [{ certificatePem: "new" }, {}, {}] }]);
});

test("a dry run, and signers that are known, are passed on", async () => {
  const { app, importing } = adminApi();
  const items = [{ certificatePem: "x", signerName: "kubernetes.io/kubelet-serving" }];
  await request(app).post(PATH).send({ dryRun: true, items }).expect(200);
  expect(importing.calls).toMatchObject([{ dryRun: true, items }]);
});

const item = { certificatePem: "x" };

test.each([
  { name: "no certificates", body: { items: [] }, message: "items: [] must not be empty" },
  { name: "too many", body: { items: Array(501).fill(item) }, message: "must have at most 500 certificates" },
  {
    name: "a certificate that is too long",
    body: { items: [{ certificatePem: "x".repeat(32_769) }] },
    message: "32768",
  },
  { name: "an empty one", body: { items: [{ certificatePem: "" }] }, message: "items.0.certificatePem: " },
  { name: "a key beside it", body: { items: [{ ...item, keyPem: "x" }] }, message: "items.0.keyPem: unknown field" },
  {
    name: "a signer that is none",
    body: { items: [{ ...item, signerName: "kubelet" }] },
    message: "must be a signer's name",
  },
  {
    name: "another kind",
    body: { kind: "Certificate", items: [item] },
    message: "must be CertificateImport or left out",
  },
])("a request with $name is refused by its field", async ({ body, message }) => {
  const { app, importing } = adminApi();
  const response = await request(app).post(PATH).send(body).expect(422);
  expect(response.body.message).toContain(message);
  expect(importing.calls).toEqual([]);
});
