import type { CertificateJudge } from "../../domain/certificate-judge.ts";
import type { LedgerVerification, VerificationProgress } from "../../domain/ports.ts";
import { createChangeLog } from "../change-log.ts";
import { type Connection, openForReading } from "../connection.ts";
import { LedgerOpenError } from "../ledger-open-error.ts";
import { MIGRATIONS } from "../migrations/all.ts";
import { requireKnownHistory } from "../migrations/migrate.ts";
import { sqliteCodeOf } from "../sqlite-error.ts";
import { checkChain } from "./check-chain.ts";
import { checkRequests } from "./check-requests.ts";
import { checkRevocations } from "./check-revocations.ts";
import {
  checkAdministrativeRows,
  checkArchive,
  checkCertificates,
  checkDecisions,
  checkMachines,
  checkPlainObjects,
} from "./check-rows.ts";
import { createProblems, type Problems } from "./problems.ts";

export interface VerifyOptions {
  /** Without one the encodings of certificates are not looked into. */
  readonly judge?: CertificateJudge | undefined;
  readonly onProgress?: ((progress: VerificationProgress) => void) | undefined;
}

/**
 * Reads a whole ledger, at rest or in use, and compares everything in it that says the same thing twice. Synchronous
 * and long: for a thread of its own.
 *
 * @throws {LedgerOpenError} when the file is no ledger or cannot be read at all.
 */
export function verifyFile(file: string, { judge, onProgress }: VerifyOptions = {}): LedgerVerification {
  const connection = openForReading(file);
  try {
    connection.exec("BEGIN");
    return verifyConnection(connection, file, { judge, onProgress });
  } finally {
    connection.close();
  }
}

const NOTHING_READ: Omit<LedgerVerification, "problems" | "warnings"> = {
  revision: 0,
  auditEntries: 0,
  auditHead: "",
  certificates: 0,
  decisions: 0,
};

function verifyConnection(connection: Connection, file: string, options: VerifyOptions): LedgerVerification {
  const [problems, warnings] = [createProblems("problems"), createProblems("warnings")];
  const isSchemaKnown = checkSchema(connection, file, problems);
  if (!isSchemaKnown) return { ...NOTHING_READ, problems: problems.list(), warnings: [] };
  const found = { ...NOTHING_READ };
  const steps: readonly (() => Partial<LedgerVerification> | undefined)[] = [
    () => checkStructure(connection, problems),
    () => ({ revision: createChangeLog(connection).head() }),
    () => checkRequests(connection, problems),
    () => checkChain(connection, problems),
    () => ({ certificates: checkCertificates(connection, problems, { ...options, warnings }) }),
    () => ({ decisions: checkDecisions(connection, problems) }),
    () => checkArchive(connection, problems),
    () => checkAdministrativeRows(connection, problems),
    () => checkPlainObjects(connection, problems),
    () => checkMachines(connection, problems),
    () => checkRevocations(connection, problems),
  ];
  for (const step of steps) Object.assign(found, readingOn(step, problems));
  return { ...found, problems: problems.list(), warnings: warnings.list() };
}

function checkSchema(connection: Connection, file: string, problems: Problems): boolean {
  try {
    const applied = requireKnownHistory(connection, MIGRATIONS, file);
    if (applied === MIGRATIONS.length) return true;
    problems.add(
      `${file} was written by an older version; start this version on it once, or verify with the older one`,
    );
  } catch (error) {
    if (error instanceof LedgerOpenError) problems.add(error.message);
    else problems.add(`the record of migrations cannot be read: ${messageOf(error)}`);
  }
  return false;
}

function checkStructure(connection: Connection, problems: Problems): undefined {
  const findings = connection.pragma("integrity_check(100)") as readonly { readonly integrity_check: string }[];
  for (const { integrity_check: finding } of findings) {
    if (finding !== "ok") problems.add(`structure: ${finding}`);
  }
}

/** A page that cannot be read ends one check, not the verification. */
function readingOn<T>(check: () => T, problems: Problems): T | undefined {
  try {
    return check();
  } catch (error) {
    if (sqliteCodeOf(error) === undefined && !(error instanceof SyntaxError)) throw error;
    problems.add(`a part of the file cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
