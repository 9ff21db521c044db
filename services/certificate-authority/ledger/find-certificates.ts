import { setImmediate as nextTurn } from "node:timers/promises";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateSummary } from "../domain/certificate.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import type { CertificateQuery, Page } from "../domain/ports.ts";
import { certificateSources, type Position } from "./certificate-sources.ts";
import type { Connection } from "./connection.ts";
import { heldNames } from "./tables/certificate-names-table.ts";
import { toCertificateSummary } from "./tables/certificate-row.ts";
import type { ListedCertificateRow } from "./tables/certificates-table.ts";

const MAXIMUM_LIMIT = 1_000;
/** Rows looked at in one turn of the event loop while most of them do not match. */
const WINDOW = 1_000;

/**
 * Answers `Certificates.find` by the one index that narrows the question most, and checks the rest row by row, giving
 * way to other work between windows. A page ends with a token that names its last row, so that rows recorded between
 * two pages shift nothing.
 */
export function certificateFinder(connection: Connection, now: () => Date) {
  const sourceFor = certificateSources(connection, now);
  return async (query: CertificateQuery): Promise<Page<CertificateSummary>> => {
    const limit = requireLimit(query.limit);
    const source = sourceFor(query);
    const matches = matcher(query, now());
    const found: ListedCertificateRow[] = [];
    let position = query.continueToken === undefined ? undefined : decodeToken(query.continueToken);
    for (let window = limit + 1; ; window = WINDOW) {
      const rows = source(position, window);
      for (const row of rows) {
        // One more than asked for has been found: the page before it is full and not the last.
        if (matches(row) && found.push(row) > limit) return toPage(found.slice(0, limit));
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < window) return { ...toPage(found), continueToken: undefined };
      position = last;
      await nextTurn();
    }
  };
}

function toPage(rows: readonly ListedCertificateRow[]): Page<CertificateSummary> {
  const last = rows.at(-1);
  return { items: rows.map(toCertificateSummary), continueToken: last && encodeToken(last) };
}

function requireLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAXIMUM_LIMIT) return limit;
  throw new StatusError("BadRequest", `limit must be a whole number from 1 to ${MAXIMUM_LIMIT}`);
}

function matcher(query: CertificateQuery, now: Date): (row: ListedCertificateRow) => boolean {
  const { nodeName, signerName, requestName, expiresBefore, expiresAfter, id, issuerId, spkiSha256, name } = query;
  const { state, isImported } = query;
  return (row) =>
    (nodeName === undefined || row.nodeName === nodeName) &&
    (signerName === undefined || row.signerName === signerName) &&
    (requestName === undefined || row.requestName === requestName) &&
    (issuerId === undefined || row.issuerId === issuerId) &&
    (spkiSha256 === undefined || row.spkiSha256 === spkiSha256) &&
    (name === undefined || heldNames(JSON.parse(row.sans) as SubjectAltNames).has(name)) &&
    (isImported === undefined || (row.importedMilliseconds !== null) === isImported) &&
    (expiresAfter === undefined || row.notAfterMilliseconds >= expiresAfter.getTime()) &&
    (id === undefined || row.fingerprint === id || row.serial === id) &&
    (expiresBefore === undefined || row.notAfterMilliseconds < expiresBefore.getTime()) &&
    (state === undefined || isInState(row, state, now.getTime()));
}

/** Revoked outlives expired, so that each certificate is in one state. */
function isInState(
  row: ListedCertificateRow,
  state: NonNullable<CertificateQuery["state"]>,
  nowMilliseconds: number,
): boolean {
  if (state === "revoked") return row.state === "revoked";
  return row.state === "issued" && row.notAfterMilliseconds < nowMilliseconds === (state === "expired");
}

function encodeToken({ id, notAfterMilliseconds }: Position): string {
  return Buffer.from(JSON.stringify([id, notAfterMilliseconds])).toString("base64url");
}

/** @throws {StatusError} BadRequest when `token` is none of ours. */
function decodeToken(token: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parts) && parts.length === 2 && parts.every(Number.isSafeInteger)) {
      const [id, notAfterMilliseconds] = parts as [number, number];
      return { id, notAfterMilliseconds };
    }
  } catch {
    // Answered below, as any other token that is not ours.
  }
  throw new StatusError("BadRequest", "continue token is not valid");
}
