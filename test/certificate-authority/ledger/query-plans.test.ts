import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { merkleSql } from "../../../services/certificate-authority/ledger/merkle/stored-merkle-log.ts";
import { migrationsSql } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";
import { recordedRequestsSql } from "../../../services/certificate-authority/ledger/recorded-requests.ts";
import { archivedRequestsSql } from "../../../services/certificate-authority/ledger/tables/archived-requests-table.ts";
import { attestationSql } from "../../../services/certificate-authority/ledger/tables/attestation-table.ts";
import { auditSql } from "../../../services/certificate-authority/ledger/tables/audit-table.ts";
import { bootstrapTokensSql } from "../../../services/certificate-authority/ledger/tables/bootstrap-tokens-table.ts";
import { certificateNamesSql } from "../../../services/certificate-authority/ledger/tables/certificate-names-table.ts";
import { certificatesSql } from "../../../services/certificate-authority/ledger/tables/certificates-table.ts";
import { changesSql } from "../../../services/certificate-authority/ledger/tables/changes-table.ts";
import { decisionsSql } from "../../../services/certificate-authority/ledger/tables/decisions-table.ts";
import { expiryNoticesSql } from "../../../services/certificate-authority/ledger/tables/expiry-notices-table.ts";
import { holdersSql } from "../../../services/certificate-authority/ledger/tables/holders-table.ts";
import { issuerCertificatesSql } from "../../../services/certificate-authority/ledger/tables/issuer-certificates-table.ts";
import { issuersSql } from "../../../services/certificate-authority/ledger/tables/issuers-table.ts";
import { metaSql } from "../../../services/certificate-authority/ledger/tables/meta-table.ts";
import { nodeCertificatesSql } from "../../../services/certificate-authority/ledger/tables/node-certificates-table.ts";
import { nodeNamesSql } from "../../../services/certificate-authority/ledger/tables/node-names-table.ts";
import { objectsSql } from "../../../services/certificate-authority/ledger/tables/objects-table.ts";
import { requestsSql } from "../../../services/certificate-authority/ledger/tables/requests-table.ts";
import { revocationsSql } from "../../../services/certificate-authority/ledger/tables/revocations-table.ts";
import { runsSql } from "../../../services/certificate-authority/ledger/tables/runs-table.ts";
import { shadowDecisionsSql } from "../../../services/certificate-authority/ledger/tables/shadow-decisions-table.ts";
import { trustReportsSql } from "../../../services/certificate-authority/ledger/tables/trust-reports-table.ts";
import { subjectSql } from "../../../services/certificate-authority/ledger/verification/check-chain.ts";
import { requestChecksSql } from "../../../services/certificate-authority/ledger/verification/check-requests.ts";
import { revocationChecksSql } from "../../../services/certificate-authority/ledger/verification/check-revocations.ts";
import { rowsSql } from "../../../services/certificate-authority/ledger/verification/check-rows.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";

const TABLES = {
  ...{
    archivedRequestsSql,
    recordedRequestsSql,
    auditSql,
    bootstrapTokensSql,
    certificateNamesSql,
    certificatesSql,
    changesSql,
    decisionsSql,
    expiryNoticesSql,
    holdersSql,
    issuerCertificatesSql,
    issuersSql,
    trustReportsSql,
    merkleSql,
    metaSql,
    nodeCertificatesSql,
    nodeNamesSql,
    objectsSql,
    revocationsSql,
    attestationSql,
    runsSql,
    shadowDecisionsSql,
    requestsSql,
  },
  ...{ subjectSql, requestChecksSql, revocationChecksSql, rowsSql },
  migrationsSql: { applied: migrationsSql.applied, record: migrationsSql.record },
};

const STATEMENTS = Object.entries(TABLES).flatMap(([table, statements]) =>
  Object.entries<string>(statements).map(([name, sql]) => ({ name: `${table}.${name}`, sql })),
);

/** Few rows each: those of one node, key or name, the issuers that gave one serial, and what people wrote to plain objects. */
const SORTED_IN_MEMORY = [
  "changesSql.ofPrefixAfter",
  "certificatesSql.bySerial",
  "certificatesSql.newestOfNode",
  "certificatesSql.newestOfNodeAndSigner",
  "certificatesSql.newestOfNodesKey",
  "certificatesSql.newestOfName",
  "certificatesSql.expiringOfName",
];

let opened: TestLedger;
let connection: Database.Database;

beforeAll(async () => {
  opened = await openTestLedger();
  connection = new Database(opened.file, { readonly: true });
});

afterAll(async () => {
  connection.close();
  await opened.close();
});

function planOf(sql: string): readonly string[] {
  const parameters = Object.fromEntries([...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1]));
  const positional = Array.from(sql.matchAll(/\?/g), () => 1);
  const isNamed = Object.keys(parameters).length > 0;
  const rows = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(isNamed ? [parameters] : positional));
  return (rows as readonly { readonly detail: string }[]).map(({ detail }) => detail);
}

test.each(STATEMENTS)("$name finds its rows by a key or an index", ({ name, sql }) => {
  const plan = planOf(sql);
  const isInsert = sql.startsWith("INSERT");
  expect(plan.filter((detail) => detail.startsWith("SCAN") && detail !== "SCAN CONSTANT ROW")).toEqual([]);
  if (!isInsert) expect(plan.some((detail) => detail.startsWith("SEARCH"))).toBe(true);
  const sorts = plan.filter((detail) => detail.includes("TEMP B-TREE"));
  expect(sorts).toHaveLength(SORTED_IN_MEMORY.includes(name) ? 1 : 0);
});
