import type { CertificateJudge } from "../../domain/certificate-judge.ts";
import type { SubjectAltNames } from "../../domain/csr-facts.ts";
import type { VerificationProgress } from "../../domain/ports.ts";
import { sha256Hex } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";
import { keptRequests } from "../kept-requests.ts";
import { objectContent } from "../object-writes.ts";
import {
  archivedRequestContent,
  archivedRequestsSql,
  type StoredArchivedRequestRow,
} from "../tables/archived-requests-table.ts";
import {
  attestationSql,
  bindingContent,
  machineContent,
  type StoredBindingRow,
  type StoredMachineRow,
} from "../tables/attestation-table.ts";
import { auditSql } from "../tables/audit-table.ts";
import {
  bootstrapTokenContent,
  bootstrapTokensSql,
  type StoredBootstrapTokenRow,
} from "../tables/bootstrap-tokens-table.ts";
import { certificateNamesSql, heldNames } from "../tables/certificate-names-table.ts";
import { CERTIFICATE_COLUMNS, certificateContent, toCertificateRecord } from "../tables/certificate-row.ts";
import { certificatesSql, type StoredCertificateRow } from "../tables/certificates-table.ts";
import { DECISION_COLUMNS, type DecisionRow, decisionContent } from "../tables/decisions-table.ts";
import { issuerContent, issuersSql, type StoredIssuerRow } from "../tables/issuers-table.ts";
import { readEntry } from "./audit-entry.ts";
import type { Problems } from "./problems.ts";

export const rowsSql = {
  objects:
    "SELECT key, uid, objects.revision AS revision, audit_sequence AS auditSequence, changes.name AS loggedKey, " +
    "changes.type AS type, object FROM objects LEFT JOIN changes ON changes.revision = objects.revision " +
    "WHERE key > ? ORDER BY key",
  newestOfKey: "SELECT max(revision) FROM changes INDEXED BY changes_by_name WHERE name = ?",
  certificates: `SELECT id, audit_sequence AS auditSequence, ${CERTIFICATE_COLUMNS} FROM certificates WHERE id > ? ORDER BY id`,
  countCertificates: "SELECT count(*) FROM certificates WHERE id > 0",
  decisions: `SELECT id, ${DECISION_COLUMNS} FROM decisions WHERE id > ? ORDER BY id`,
  repeatedSerials:
    "SELECT lower(hex(serial)) AS serial, lower(hex(issuer_id)) AS issuerId " +
    "FROM certificates INDEXED BY certificates_by_serial WHERE serial > x'' " +
    "GROUP BY serial, issuer_id HAVING count(*) > 1",
} as const;

interface CertificateChecks {
  readonly judge?: CertificateJudge | undefined;
  readonly warnings: Problems;
  readonly onProgress?: ((progress: VerificationProgress) => void) | undefined;
}

/** Certificates between two reports of progress: a tenth of a second's. */
const ROWS_A_REPORT = 256;

/** Each certificate against its own encoding, its audit entry, its issuer and its predecessor; returns their number. */
export function checkCertificates(
  connection: Connection,
  problems: Problems,
  { judge = () => ({ problems: [], warnings: [] }), warnings, onProgress = () => {} }: CertificateChecks,
): number {
  const isVouchedFor = voucher(connection);
  const byFingerprint = connection.prepare<[string]>(certificatesSql.byFingerprint);
  const issuer = connection.prepare<[string], StoredIssuerRow>(issuersSql.byId);
  const names = nameChecker(connection, problems);
  const tally = createTally();
  const requestOf = keptRequests(connection);
  const total = connection.prepare<[], number>(rowsSql.countCertificates).pluck().get() ?? 0;
  let count = 0;
  for (const row of connection.prepare<[number], StoredCertificateRow>(rowsSql.certificates).iterate(0)) {
    const name = `certificate ${row.fingerprint}`;
    if (sha256Hex(row.der) !== row.fingerprint) problems.add(`${name}: its encoding has another fingerprint`);
    if (!isVouchedFor(row.auditSequence, "certificate", row.fingerprint, certificateContent(row))) {
      problems.add(`${name}: no audit entry records it as it is stored`);
    }
    const { certificateDer } = issuer.get(row.issuerId) ?? {};
    const asked = row.requestUid === null ? undefined : requestOf(row.requestName ?? "", row.requestUid)?.spec;
    const found = judge({ record: toCertificateRecord(row), issuerDer: certificateDer, asked });
    for (const finding of found.problems) problems.add(`${name}: ${finding}`);
    for (const finding of found.warnings) tally.add(finding, name);
    if (certificateDer === undefined) problems.add(`${name}: its issuer ${row.issuerId} is not on record`);
    if (row.predecessor !== null && byFingerprint.get(row.predecessor) === undefined) {
      problems.add(`${name}: its predecessor ${row.predecessor} is not on record`);
    }
    names.check(row);
    count += 1;
    if (count % ROWS_A_REPORT === 0) onProgress({ done: count, total });
  }
  names.finish();
  for (const { finding, first, times } of tally.list())
    warnings.add(times === 1 ? `${first}: ${finding}` : `${first} and ${times - 1} more: ${finding}`);
  const repeated = connection.prepare<[], { serial: string; issuerId: string }>(rowsSql.repeatedSerials).all();
  for (const { serial, issuerId } of repeated) problems.add(`issuer ${issuerId} used serial ${serial} more than once`);
  return count;
}

/** What many certificates have in common is told once: kubelets that ask for odd usages all do. */
function createTally() {
  const found = new Map<string, { readonly finding: string; readonly first: string; times: number }>();
  return {
    add(finding: string, name: string): void {
      const known = found.get(finding);
      if (known === undefined) found.set(finding, { finding, first: name, times: 1 });
      else known.times += 1;
    },
    list: () => [...found.values()],
  };
}

/** The index of names, by which it is found who holds one, against the certificates. */
function nameChecker(connection: Connection, problems: Problems) {
  const has = connection.prepare<[string, number, number]>(certificateNamesSql.has);
  let expected = 0;
  return {
    check({ id, fingerprint, notAfterMilliseconds, sans }: StoredCertificateRow): void {
      for (const name of heldNames(JSON.parse(sans) as SubjectAltNames)) {
        expected += 1;
        if (has.get(name, notAfterMilliseconds, id) !== undefined) continue;
        problems.add(`certificate ${fingerprint}: its name ${JSON.stringify(name)} is not in the index of names`);
      }
    },
    finish(): void {
      const found = connection.prepare<[], number>(certificateNamesSql.count).pluck().get() ?? 0;
      if (found > expected) problems.add(`the index of names has ${found - expected} that no certificate has`);
    },
  };
}

/** Each decision against its audit entry; returns their number. */
export function checkDecisions(connection: Connection, problems: Problems): number {
  const isVouchedFor = voucher(connection);
  let count = 0;
  for (const row of connection.prepare<[number], DecisionRow & { id: number }>(rowsSql.decisions).iterate(0)) {
    if (!isVouchedFor(row.id, "decision", row.requestName, decisionContent(row))) {
      problems.add(`decision ${row.id} on ${row.requestName}: no audit entry records it as it is stored`);
    }
    count += 1;
  }
  return count;
}

/** Each archived request against the audit entry of its deletion. */
export function checkArchive(connection: Connection, problems: Problems): undefined {
  const isVouchedFor = voucher(connection);
  for (const row of connection.prepare<[number], StoredArchivedRequestRow>(archivedRequestsSql.all).iterate(0)) {
    if (isVouchedFor(row.id, "request", row.name, archivedRequestContent(row))) continue;
    problems.add(`archived request ${row.name}: no audit entry records it as it is stored`);
  }
}

/** Each issuer and each live token against its audit entry, and issuers against their own encoding. */
export function checkAdministrativeRows(connection: Connection, problems: Problems): undefined {
  const isVouchedFor = voucher(connection);
  for (const row of connection.prepare<[string], StoredIssuerRow>(issuersSql.all).iterate("")) {
    if (sha256Hex(row.certificateDer) !== row.id)
      problems.add(`issuer ${row.id}: its encoding has another fingerprint`);
    if (!isVouchedFor(row.auditSequence, "issuer", row.id, issuerContent(row))) {
      problems.add(`issuer ${row.id}: no audit entry records it as it is stored`);
    }
  }
  for (const row of connection.prepare<[string], StoredBootstrapTokenRow>(bootstrapTokensSql.all).iterate("")) {
    if (!isVouchedFor(row.auditSequence, "token", row.id, bootstrapTokenContent(row))) {
      problems.add(`bootstrap token ${row.id}: no audit entry records it as it is stored`);
    }
  }
}

/** Each machine and each binding against its audit entry. */
export function checkMachines(connection: Connection, problems: Problems): undefined {
  const isVouchedFor = voucher(connection);
  for (const row of connection
    .prepare<[string, string, number], StoredMachineRow>(attestationSql.machinesAfter)
    .iterate("", "", -1)) {
    if (isVouchedFor(row.auditSequence, "machine", row.machineId, machineContent(row))) continue;
    problems.add(`machine ${row.attestor} ${row.machineId}: no audit entry records it as it is stored`);
  }
  for (const row of connection.prepare<[string], StoredBindingRow>(attestationSql.bindings).iterate("")) {
    if (isVouchedFor(row.auditSequence, "binding", row.id, bindingContent(row))) continue;
    problems.add(`binding ${row.id} of ${row.nodeName}: no audit entry records it as it is stored`);
  }
}

interface ObjectToCheck {
  readonly key: string;
  readonly uid: string;
  readonly revision: number;
  readonly auditSequence: number;
  readonly loggedKey: string | null;
  readonly type: string | null;
  readonly object: string | null;
}

/** Each plain object against the change that holds it and the audit entry of its last write. */
export function checkPlainObjects(connection: Connection, problems: Problems): undefined {
  const bySequence = connection.prepare<[number], { payload: string }>(auditSql.bySequence);
  const newestOfKey = connection.prepare<[string], number>(rowsSql.newestOfKey).pluck();
  for (const row of connection.prepare<[string], ObjectToCheck>(rowsSql.objects).iterate("")) {
    const { key, uid, revision, auditSequence, loggedKey, type, object } = row;
    const isNewest = newestOfKey.get(key) === revision;
    if (object === null || loggedKey !== key || type === "DELETED" || !isNewest) {
      problems.add(`object ${key}: it is not what the change log says it became`);
      continue;
    }
    const payload = bySequence.get(auditSequence)?.payload;
    const entry = payload === undefined ? undefined : readEntry(payload);
    if (entry?.content !== objectContent(key, uid, object)) {
      problems.add(`object ${key}: no audit entry records it as it is stored`);
    }
  }
}

/** Whether the entry of that sequence is of that noun and subject and states that content. */
function voucher(connection: Connection) {
  const bySequence = connection.prepare<[number], { payload: string }>(auditSql.bySequence);
  return (sequence: number, noun: string, subject: string, content: string): boolean => {
    const row = bySequence.get(sequence);
    const entry = row && readEntry(row.payload);
    return entry?.kind.startsWith(`${noun}.`) === true && entry.subject === subject && entry.content === content;
  };
}
