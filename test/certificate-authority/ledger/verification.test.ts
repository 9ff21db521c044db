import { copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { verifyFile } from "../../../services/certificate-authority/ledger/verification/verify-file.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord, decisionRecord, issuerRecord } from "../../builders/records.ts";
import { APPROVED, issuedWith, storedCsr } from "../../builders/stored-csr.ts";

let directory = "";
let sound = "";
let damaged = "";

const ISSUER = issuerRecord();
const SANS = { dnsNames: ["Node-1.example.com"], emailAddresses: [], ipAddresses: ["10.0.0.1"], uris: [] };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-verify-"));
  sound = join(directory, "sound.db");
  damaged = join(directory, "damaged.db");
  const opened = await openTestLedger();
  const { requests, certificates, issuers, tokens, maintenance } = opened.ledger;
  const issuer = { ...ISSUER, id: issuerIdOf(ISSUER.certificateDer) };
  const issuerId = issuer.id;
  await issuers.record(issuer);
  await tokens.create(
    {
      ...{ id: "abcdef", description: "", extraGroups: [], nodeName: undefined, createdBy: "alice" },
      ...{ createdAt: new Date(0), expiresAt: undefined },
    },
    new Uint8Array([1]),
  );
  const a = await requests.create(storedCsr("a"));
  const certificate = certificateRecord({ issuerId, serial: "01", requestName: "a", requestUid: a.metadata.uid });
  const approved = await requests.update({ ...a, status: APPROVED }, { decision: decisionRecord() });
  await requests.update({ ...approved, status: issuedWith(certificate.der) }, { certificate });
  await requests.create(storedCsr("b"));
  await requests.remove("b", {});
  await certificates.record(certificateRecord({ issuerId, serial: "02", sans: SANS }));
  await requests.create(storedCsr("c"));
  await maintenance.backup(sound);
  await opened.close();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => {
  rmSync(damaged, { force: true });
  copyFileSync(sound, damaged);
});

function issuerIdOf(der: Uint8Array): string {
  return certificateRecord({ der }).fingerprint;
}

function damage(sql: string): void {
  const connection = new Database(damaged);
  connection.pragma("foreign_keys = OFF");
  connection.exec(sql);
  connection.close();
}

test("a sound ledger has no problem, and verifying leaves nothing beside a backup", async () => {
  const before = readdirSync(directory);
  expect(await verifyLedgerFile(sound)).toEqual({
    revision: 7,
    auditEntries: 6,
    auditHead: expect.stringMatching(/^[0-9a-f]{64}$/),
    certificates: 2,
    decisions: 1,
    problems: [],
    warnings: [],
  });
  expect(readdirSync(directory)).toEqual(before);
});

const FIRST = certificateRecord({ serial: "01" }).fingerprint;
const SECOND = certificateRecord({ serial: "02" }).fingerprint;
const FLIP_CASE_OF_ACTOR = "replace(payload, 'gatehouse', 'Gatehouse')";

test.each([
  {
    name: "a letter of an audit entry",
    sql: `UPDATE audit SET payload = ${FLIP_CASE_OF_ACTOR} WHERE sequence = 3`,
    problems: ["audit: entry 3 or the one before it was altered: its hash does not follow"],
  },
  {
    name: "an audit entry with its hash made to fit nothing",
    sql: "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 2",
    problems: [
      "audit: entry 2 or the one before it was altered: its hash does not follow",
      "audit: entry 3 or the one before it was altered: its hash does not follow",
    ],
  },
  {
    name: "a removed audit entry of a certificate",
    sql: "DELETE FROM audit WHERE sequence = 4",
    problems: ["audit: entry 4 is missing", `certificate ${FIRST}: no audit entry records it as it is stored`],
  },
  {
    name: "the newest audit entry removed",
    sql: "DELETE FROM audit WHERE sequence = 6",
    problems: [`certificate ${SECOND}: no audit entry records it as it is stored`],
  },
  {
    name: "an unreadable audit entry",
    sql: "UPDATE audit SET payload = '{' WHERE sequence = 3",
    problems: [
      "audit: entry 3 or the one before it was altered: its hash does not follow",
      "audit: entry 3 is not readable",
      "decision 3 on csr-abcde: no audit entry records it as it is stored",
    ],
  },
  {
    name: "a certificate's encoding",
    sql: "UPDATE certificates SET der = zeroblob(5) WHERE id = 2",
    problems: [
      `certificate ${SECOND}: its encoding has another fingerprint`,
      `certificate ${SECOND}: no audit entry records it as it is stored`,
    ],
  },
  {
    name: "a certificate's node",
    sql: "UPDATE certificates SET node_name = 'node-2' WHERE id = 2",
    problems: [`certificate ${SECOND}: no audit entry records it as it is stored`],
  },
  {
    name: "a removed certificate that another one replaced",
    sql: "DELETE FROM certificates WHERE id = 1",
    problems: [
      `audit: entry 4 records certificate.issued of ${FIRST}, which is not stored`,
      `certificate ${SECOND}: its predecessor ${FIRST} is not on record`,
    ],
  },
  {
    name: "a name that is taken out of the index of names",
    sql: "DELETE FROM certificate_names WHERE name = '10.0.0.1'",
    problems: [`certificate ${SECOND}: its name "10.0.0.1" is not in the index of names`],
  },
  {
    name: "a name that is put into the index of names",
    sql: "INSERT INTO certificate_names (name, not_after_ms, certificate_id) VALUES ('10.0.0.2', 0, 1)",
    problems: ["the index of names has 1 that no certificate has"],
  },
  {
    name: "a decision's outcome",
    sql: "UPDATE decisions SET outcome = 'denied'",
    problems: ["decision 3 on csr-abcde: no audit entry records it as it is stored"],
  },
  {
    name: "a removed decision",
    sql: "DELETE FROM decisions",
    problems: ["audit: entry 3 records decision.recorded of csr-abcde, which is not stored"],
  },
  {
    name: "an issuer's slot",
    sql: "UPDATE issuers SET slot = 'old'",
    problems: [`issuer ${issuerIdOf(ISSUER.certificateDer)}: no audit entry records it as it is stored`],
  },
  {
    name: "what an issuer is called",
    sql: "UPDATE issuers SET name = 'other'",
    problems: [`issuer ${issuerIdOf(ISSUER.certificateDer)}: no audit entry records it as it is stored`],
  },
  {
    name: "the certificates above an issuer",
    sql: "UPDATE issuers SET ancestors_pem = 'another root'",
    problems: [`issuer ${issuerIdOf(ISSUER.certificateDer)}: no audit entry records it as it is stored`],
  },
  {
    name: "a token's node",
    sql: "UPDATE bootstrap_tokens SET node_name = 'node-2'",
    problems: ["bootstrap token abcdef: no audit entry records it as it is stored"],
  },
  {
    name: "a gap in the change log",
    sql: "DELETE FROM changes WHERE revision = 3",
    problems: [
      "changes: revision 4 stands where 3 belongs",
      "changes: revision 4 replaced revision 3, which is not there",
    ],
  },
  {
    name: "the newest change of an object removed",
    sql: "DELETE FROM changes WHERE name = 'c'",
    problems: ["request c: it is not what the change log says it became"],
  },
  {
    name: "an object at another revision",
    sql: "UPDATE requests SET revision = 3 WHERE name = 'a'",
    problems: ["request a: it is not what the change log says it became"],
  },
  {
    name: "an object whose state disagrees with it",
    sql: "UPDATE requests SET state = 'undecided' WHERE name = 'a'",
    problems: ["request a: its columns and its object disagree"],
  },
  {
    name: "another certificate in an object",
    sql: `UPDATE changes SET object = json_set(object, '$.status.certificate', 'LS0tLS1DRVJU') WHERE revision = 4`,
    problems: [expect.stringMatching(/^request a: its certificate is not the one on record, [0-9a-f]{64}$/)],
  },
  {
    name: "an object that is another's",
    sql: `UPDATE changes SET object = (SELECT object FROM changes WHERE revision = 7) WHERE revision = 4`,
    problems: ["request a: its columns and its object disagree"],
  },
  {
    name: "a lost object",
    sql: "DELETE FROM requests WHERE name = 'c'",
    problems: ["request c: revision 7 stored it, and it is not there"],
  },
  {
    name: "a missing migration",
    sql: "DELETE FROM migrations WHERE position = 4",
    problems: [expect.stringContaining("migration 0004-certificates is missing")],
  },
  {
    name: "a migration from the future",
    sql: `INSERT INTO migrations VALUES (${MIGRATIONS.length + 1}, 'later', 'x', 0)`,
    problems: [expect.stringContaining("later is unknown")],
  },
  {
    name: "migrations of an older version",
    sql: `DELETE FROM migrations WHERE position = ${MIGRATIONS.length}`,
    problems: [expect.stringContaining("was written by an older version")],
  },
])("damage is found: $name", ({ sql, problems }) => {
  damage(sql);
  expect(verifyFile(damaged).problems).toEqual(problems);
});

test("objects that no change is left of but the one that made them are sound, and are missed", () => {
  const compacted = "DELETE FROM changes WHERE revision NOT IN (4, 7)";
  damage(`${compacted}; UPDATE meta SET value = 7 WHERE name = 'compacted_revision'`);
  expect(verifyFile(damaged)).toMatchObject({ revision: 7, problems: [] });
  damage("DELETE FROM requests WHERE name = 'a'");
  expect(verifyFile(damaged).problems).toEqual(["request a: revision 4 stored it, and it is not there"]);
});

test("a file cut short is reported or refused, never passed", async () => {
  truncateSync(damaged, 3 * 4096);
  const outcome = await verifyLedgerFile(damaged).catch((error: Error) => error);
  if (outcome instanceof Error) expect(outcome.message).toContain(damaged);
  else expect(outcome.problems.length).toBeGreaterThan(0);
});

test("many problems are counted beyond a hundred", () => {
  const rows = "WITH RECURSIVE n (i) AS (SELECT 8 UNION ALL SELECT i + 2 FROM n WHERE i < 310)";
  damage(`${rows} INSERT INTO changes SELECT i + 1, 'DELETED', 'x', 0, NULL, '{}' FROM n`);
  const { problems } = verifyFile(damaged);
  expect(problems).toHaveLength(101);
  expect(problems.at(-1)).toBe("and 52 more problems");
});

test.each([
  { name: "a missing file", file: "absent.db" },
  { name: "a directory", file: "." },
])("what is no ledger is refused: $name", async ({ file }) => {
  await expect(verifyLedgerFile(join(directory, file))).rejects.toThrow(directory);
});
