import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import request from "supertest";
import { createCheckpointSigner } from "../../../../services/certificate-authority/custody/checkpoint-key.ts";
import { NO_CONFIGURED_SIGNERS } from "../../../../services/certificate-authority/domain/configured-signer.ts";
import { createRevocationWaiters } from "../../../../services/certificate-authority/http/admin-api/revocation-waiters.ts";
import { routes } from "../../../../services/certificate-authority/http/admin-api/routes.ts";
import { recordedReviews } from "../../../../services/certificate-authority/recorded-reviews.ts";
import { createExpiry } from "../../../../services/certificate-authority/rotation/expiry/expiry.ts";
import { examineCertificate } from "../../../../services/certificate-authority/signer/certificate-examiner.ts";
import { createLogger } from "../../../../services/shared/logging.ts";
import { appOf } from "../../../builders/edge.ts";
import { buildIssuer } from "../../../builders/issuer.ts";
import { openTestLedger, type TestLedger } from "../../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../../builders/records.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import {
  FakeConfiguredIssuers,
  FakeEncryption,
  FakeImporting,
  FakeIssuance,
  FakeTokenAdministration,
  SettableAuthorizer,
} from "../../../fakes/admin-ports.ts";
import { FakeApprovalAdministration } from "../../../fakes/approval-administration.ts";
import { FakeIssuerRotation, FakeTrustObserver } from "../../../fakes/issuer-rotation.ts";
import { FakeJobs } from "../../../fakes/jobs.ts";
import { FakeRevocationLists, FakeRevoking } from "../../../fakes/revocations.ts";
import { bytes, failure, NOW } from "./fixture.ts";

const none = { nodeName: undefined, requestName: undefined, requestUid: undefined, requester: undefined };
const clock = { now: () => NOW };
let opened: TestLedger;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  opened = await openTestLedger({ clock });
  const { ledger } = opened;
  const backupDirectory = join(temporaryDirectory(), "backups");
  const fakes = {
    tokens: new FakeTokenAdministration(NOW),
    issuance: new FakeIssuance(),
    recorded: recordedReviews(ledger.recorded, NO_CONFIGURED_SIGNERS),
    approval: new FakeApprovalAdministration(),
    authorizer: new SettableAuthorizer(),
    encryption: new FakeEncryption(),
    jobs: new FakeJobs(),
    configuredIssuers: new FakeConfiguredIssuers(),
    issuerRotation: new FakeIssuerRotation(),
    trust: new FakeTrustObserver(),
    trustDomains: new Map(),
    ...{ quarantine: ledger.revocations, readDetails: examineCertificate, importing: new FakeImporting() },
    checkpoints: createCheckpointSigner({ deriveKey: () => Buffer.alloc(32, 7) }),
    revoking: new FakeRevoking(),
    fleetExpiry: createExpiry({
      records: ledger.expiry,
      settings: { scanSeconds: 60, forgetAfterDays: 30, notifications: [] },
      ...{ clock, logger: createLogger({ level: "silent" }), observe: () => undefined },
    }),
    revocationLists: new FakeRevocationLists(),
    ocsp: undefined,
    revocationWaiters: createRevocationWaiters(ledger.revocations),
  };
  app = appOf(routes({ ...ledger, ...fakes, backupDirectory, clock }));
  const { certificateDer, certificatePem } = buildIssuer();
  const issuerId = createHash("sha256").update(certificateDer).digest("hex");
  await ledger.issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  const records = [
    certificateRecord({ issuerId, serial: "01", notAfter: at(1) }),
    certificateRecord({ issuerId, serial: "02", notAfter: at(9) }),
    certificateRecord({
      issuerId,
      serial: "03",
      notAfter: at(5),
      nodeName: "node-2",
      commonName: "system:node:node-2",
    }),
    certificateRecord({ issuerId, serial: "04", notAfter: at(7), ...none, signerName: "gatehouse.dev/serving" }),
  ];
  for (const record of records) await ledger.certificates.record(record);
});
afterAll(() => opened.close());

async function serials(query: string): Promise<readonly string[]> {
  const response = await request(app).get(`/v1/certificates?${query}`).expect(200);
  return response.body.items.map(({ serial }: { serial: string }) => serial);
}

test.each([
  { query: "", expected: ["04", "03", "02", "01"] },
  { query: "node=node-1", expected: ["02", "01"] },
  { query: "node=node-3", expected: [] },
  { query: "signer=gatehouse.dev/serving", expected: ["04"] },
  { query: "request=csr-abcde", expected: ["03", "02", "01"] },
  { query: "state=valid", expected: ["04", "03", "02"] },
  { query: "state=expired", expected: ["01"] },
  { query: "state=revoked", expected: [] },
  { query: "expiresWithin=30d", expected: ["03", "04", "02"] },
  { query: "expiresWithin=5d", expected: ["03", "04"] },
  { query: "expiresWithin=30d&state=expired", expected: ["01"] },
])("certificates?$query", async ({ query, expected }) => {
  expect(await serials(query)).toEqual(expected);
});

test("pages follow each other without gap or repetition", async () => {
  const seen: string[] = [];
  let next: string | undefined = "";
  while (next !== undefined) {
    const more: string = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const { body } = await request(app).get(`/v1/certificates?limit=1${more}`).expect(200);
    seen.push(...body.items.map(({ serial }: { serial: string }) => serial));
    next = body.metadata.continue;
  }
  expect(seen).toEqual(["04", "03", "02", "01"]);
});

test("a page that is none of ours is refused", async () => {
  const response = await request(app).get("/v1/certificates?continue=nonsense").expect(400);
  expect(response.body).toEqual(failure(400, "BadRequest", "continue token is not valid"));
});

test("a certificate is read by serial and by fingerprint", async () => {
  const bySerial = await request(app).get("/v1/certificates/03").expect(200);
  const byFingerprint = await request(app).get(`/v1/certificates/${bySerial.body.fingerprint}`).expect(200);
  expect(byFingerprint.body).toEqual(bySerial.body);
  expect(bySerial.body).toMatchObject({ serial: "03", nodeName: "node-2", state: "valid" });
});

test("nodes follow each other in pages, each with what it has now", async () => {
  const first = await request(app).get("/v1/nodes?limit=1").expect(200);
  const next = encodeURIComponent(first.body.metadata.continue);
  const second = await request(app).get(`/v1/nodes?limit=1&continue=${next}`).expect(200);
  expect([...first.body.items, ...second.body.items]).toMatchObject([
    { name: "node-1", state: "fresh", holdings: [{ serial: "02" }] },
    { name: "node-2", state: "fresh", holdings: [{ serial: "03" }] },
  ]);
  expect(second.body.metadata).toEqual({});
  const { body } = await request(app).get("/v1/nodes?state=due").expect(200);
  expect(body).toMatchObject({ metadata: {}, items: [] });
});

test("a backup is a database with everything in it", async () => {
  const { body } = await request(app).get("/v1/ledger/backup").buffer(true).parse(bytes);
  const file = join(temporaryDirectory(), "copy.db");
  writeFileSync(file, body as Buffer);
  const database = new Database(file, { readonly: true });
  expect(database.prepare("SELECT count(*) AS count FROM certificates").get()).toEqual({ count: 4 });
  database.close();
});

test("a sound ledger verifies", async () => {
  const { body } = await request(app).post("/v1/ledger/verification").expect(200);
  expect(body).toMatchObject({ kind: "LedgerVerification", sound: true, certificates: 4, problems: [] });
});
