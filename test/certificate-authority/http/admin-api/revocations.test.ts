import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import request from "supertest";
import { createRevocationWaiters } from "../../../../services/certificate-authority/http/admin-api/revocation-waiters.ts";
import { revocationHandlers } from "../../../../services/certificate-authority/http/admin-api/revocations.ts";
import { createRevoking } from "../../../../services/certificate-authority/issuance/revoke.ts";
import { appOf } from "../../../builders/edge.ts";
import { openTestLedger, type TestLedger } from "../../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../../builders/records.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { failure, NOW } from "./fixture.ts";

const clock = { now: () => NOW };
const { logger, lines } = recordingLogger();
let opened: TestLedger;
let app: ReturnType<typeof appOf>;
let waiters: ReturnType<typeof createRevocationWaiters>;
let issuerIds: readonly string[] = [];

beforeAll(async () => {
  opened = await openTestLedger({ clock });
  const { ledger } = opened;
  const issuers = ["one", "two"].map((name) => {
    const certificateDer = Buffer.from(`issuer ${name}`);
    return issuerRecord({ name, certificateDer, id: createHash("sha256").update(certificateDer).digest("hex") });
  });
  for (const issuer of issuers) await ledger.issuers.record(issuer);
  issuerIds = issuers.map(({ id }) => id);
  waiters = createRevocationWaiters(ledger.revocations);
  const revoking = createRevoking({ ...ledger, clock, logger });
  const handlers = revocationHandlers({ revoking, revocations: ledger.revocations, revocationWaiters: waiters, clock });
  app = appOf([
    { method: "POST", path: "/v1/certificates/:id/revoke", handler: handlers.revokeCertificate },
    { method: "GET", path: "/v1/revocations", handler: handlers.list },
    { method: "POST", path: "/v1/revocations", handler: handlers.create },
    { method: "POST", path: "/v1/nodes/:name/quarantine", handler: handlers.quarantine },
    { method: "POST", path: "/v1/nodes/:name/readmit", handler: handlers.readmit },
  ]);
});
afterAll(async () => {
  waiters.close();
  await opened.close();
});

async function record(serial: string, overrides: Parameters<typeof certificateRecord>[0] = {}) {
  const [issuerId = ""] = issuerIds;
  const spkiSha256 = createHash("sha256").update(serial).digest("hex");
  const der = Buffer.from(`certificate ${serial} of ${overrides.issuerId ?? issuerId}`);
  const certificate = certificateRecord({ serial, issuerId, spkiSha256, der, ...overrides });
  await opened.ledger.certificates.record(certificate);
  return certificate;
}

const feed = (query: string) => request(app).get(`/v1/revocations?${query}`);
const head = () => opened.ledger.revocations.head();

test("a certificate is revoked by its serial, told in the feed and logged", async () => {
  const { fingerprint } = await record("0a01");
  const after = head();
  const body = { reason: "keyCompromise", message: "stolen laptop" };
  const answer = await request(app).post("/v1/certificates/0A:01/revoke").send(body).expect(200);
  expect(answer.body).toMatchObject({
    ...{ apiVersion: "gatehouse.dev/v1", kind: "RevocationOutcome", dryRun: false, quarantined: false },
    items: [{ kind: "Certificate", serial: "0a01", fingerprint, state: "revoked" }],
  });
  const { body: list } = await feed(`after=${after}`).expect(200);
  expect(list).toMatchObject({ apiVersion: "gatehouse.dev/v1", kind: "RevocationList" });
  expect(list.metadata).toEqual({ resourceVersion: String(head()) });
  expect(list.items).toEqual([
    {
      ...{ sequence: head(), type: "revoked", fingerprint, serial: "0a01", issuerId: issuerIds[0] },
      ...{ nodeName: "node-1", publicKeySha256: createHash("sha256").update("0a01").digest("hex") },
      ...{ ...body, at: "2026-01-02T03:04:05.000Z", by: "alice" },
    },
  ]);
  expect(lines.at(-1)).toMatchObject({ msg: "revoked a certificate", serial: "0a01", by: "alice" });
  const again = await request(app).post("/v1/certificates/0A:01/revoke").send(body).expect(200);
  expect(again.body.items).toEqual([]);
});

test("a dry run tells who would be hit, and does nothing", async () => {
  await record("0b01", { nodeName: "node-b" });
  await record("0b02", { nodeName: "node-b" });
  const before = head();
  const answer = await request(app).post("/v1/nodes/node-b/quarantine").send({ dryRun: true }).expect(200);
  expect(answer.body).toMatchObject({ dryRun: true, quarantined: true });
  expect(answer.body.items.map(({ serial, state }: Record<string, string>) => [serial, state])).toEqual([
    ["0b01", "valid"],
    ["0b02", "valid"],
  ]);
  expect(head()).toBe(before);
  expect(opened.ledger.revocations.isQuarantined("node-b")).toBe(false);
});

test("a node is quarantined with all its certificates, and readmitted", async () => {
  await record("0c01", { nodeName: "node-c" });
  const after = head();
  const answer = await request(app).post("/v1/nodes/node-c/quarantine").send({ reason: "keyCompromise" }).expect(200);
  expect(answer.body).toMatchObject({ quarantined: true, readmitted: false, items: [{ serial: "0c01" }] });
  const readmission = await request(app).post("/v1/nodes/node-c/readmit").send({ message: "checked" }).expect(200);
  expect(readmission.body).toMatchObject({ quarantined: false, readmitted: true, items: [] });
  const { body } = await feed(`after=${after}`).expect(200);
  expect(body.items.map(({ type, reason }: Record<string, string>) => [type, reason])).toEqual([
    ["quarantined", "keyCompromise"],
    ["revoked", "keyCompromise"],
    ["readmitted", "unspecified"],
  ]);
  const again = await request(app).post("/v1/nodes/node-c/readmit").expect(404);
  expect(again.body.message).toBe("node node-c is in no quarantine");
});

test.each([
  { by: "serial", body: () => ({ serial: "0D:01" }), hit: ["0d01"] },
  { by: "fingerprint", body: (it: { fingerprint: string }) => ({ fingerprint: it.fingerprint }), hit: ["0d01"] },
  { by: "key", body: (it: { spkiSha256: string }) => ({ publicKeySha256: it.spkiSha256 }), hit: ["0d01"] },
  { by: "node", body: () => ({ nodeName: "node-d" }), hit: ["0d01", "0d02"] },
])("POST /v1/revocations by $by hits $hit", async ({ body, hit }) => {
  const known = (await opened.ledger.certificates.get("0d01")) ?? (await record("0d01", { nodeName: "node-d" }));
  if (!(await opened.ledger.certificates.get("0d02"))) await record("0d02", { nodeName: "node-d" });
  const answer = await request(app)
    .post("/v1/revocations")
    .send({ ...body(known), dryRun: true })
    .expect(200);
  expect(answer.body.items.map(({ serial }: { serial: string }) => serial)).toEqual(hit);
});

test("a serial that two issuers used is revoked of the one that is named only", async () => {
  const [one = "", two = ""] = issuerIds;
  await record("0e01", { issuerId: one });
  await record("0e01", { issuerId: two });
  const ambiguous = await request(app).post("/v1/revocations").send({ serial: "0e01" }).expect(409);
  expect(ambiguous.body.message).toContain("several issuers used serial 0e01");
  const answer = await request(app).post("/v1/revocations").send({ serial: "0e01", issuerId: two }).expect(200);
  expect(answer.body.items.map(({ issuerId }: { issuerId: string }) => issuerId)).toEqual([two]);
  await request(app)
    .post("/v1/certificates/0e01/revoke")
    .send({ issuerId: "ff".repeat(32) })
    .expect(404);
});

const SELECTORS = "serial, fingerprint, nodeName, publicKeySha256";

test.each([
  { body: {}, message: `Revocation is invalid: exactly one of ${SELECTORS} must be given; none is` },
  {
    body: { serial: "01", nodeName: "a" },
    message: `Revocation is invalid: exactly one of ${SELECTORS} must be given; serial and nodeName are`,
  },
  {
    body: { serial: "01", reason: "certificateHold" },
    message: /certificateHold.*a revocation is for good.*quarantine the node/,
  },
  { body: { serial: "01", reason: "removeFromCRL" }, message: /must be one of unspecified, keyCompromise,/ },
  { body: { serial: "01", message: "a\nb" }, message: /one line without control characters/ },
  { body: { serial: "01", message: "a".repeat(1025) }, message: /at most 1024 characters/ },
  { body: { nodeName: "Node_1" }, message: /must be a node's name/ },
  { body: { publicKeySha256: "ab" }, message: /SHA-256 of a SubjectPublicKeyInfo, 64 hexadecimal digits/ },
  { body: { serial: "01", force: true }, message: /unknown field/ },
])("POST /v1/revocations of $body is refused", async ({ body, message }) => {
  const before = head();
  const answer = await request(app).post("/v1/revocations").send(body).expect(422);
  expect(answer.body.message).toEqual(typeof message === "string" ? message : expect.stringMatching(message));
  expect(head()).toBe(before);
});

test("what is not on record is not found", async () => {
  const answer = await request(app).post("/v1/certificates/0f99/revoke").expect(404);
  const message = "no certificate with serial or fingerprint 0f99 is on record";
  expect(answer.body).toEqual(failure(404, "NotFound", message, { kind: "certificates", name: "0f99" }));
  await request(app).post("/v1/nodes/Node_1/quarantine").expect(400);
});

test.each(["after=x", "after=-1", "waitSeconds=61", "waitSeconds=1.5", "afterwards=1"])(
  "GET /v1/revocations?%s is refused",
  async (query) => {
    await feed(query).expect(400);
  },
);

test("who waits is answered as soon as something is revoked", async () => {
  await record("1001");
  const after = head();
  const waiting = feed(`after=${after}&waitSeconds=60`).then(({ body }) => body);
  // Until it waits there is nothing to wake.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await request(app).post("/v1/certificates/1001/revoke").expect(200);
  expect((await waiting).items.map(({ serial }: { serial: string }) => serial)).toEqual(["1001"]);
});

test("who waits in vain hears that nothing is new, and who knows too much hears it at once", async () => {
  const now = head();
  const { body } = await feed(`after=${now}&waitSeconds=1`).expect(200);
  expect(body).toMatchObject({ metadata: { resourceVersion: String(now) }, items: [] });
  const ahead = await feed(`after=${now + 5}&waitSeconds=60`).expect(200);
  expect(ahead.body).toMatchObject({ metadata: { resourceVersion: String(now) }, items: [] });
});
