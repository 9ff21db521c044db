import { setImmediate as nextTurn } from "node:timers/promises";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateSummary } from "../domain/certificate.ts";
import type { CertificateQuery, Page } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { toCertificateSummary } from "./tables/certificate-row.ts";
import { certificatesReader, certificatesSql, type ListedCertificateRow } from "./tables/certificates-table.ts";

const MAXIMUM_LIMIT = 1_000;
/** Rows looked at in one turn of the event loop while most of them do not match. */
const WINDOW = 1_000;
const EARLIEST_MILLISECONDS = Number.MIN_SAFE_INTEGER;
const AFTER_EVERYTHING = Number.MAX_SAFE_INTEGER;

/** Where a page ended: the last row's id and, in order of expiry, its notAfter. */
interface Position {
  readonly id: number;
  readonly notAfterMilliseconds: number;
}

interface Narrowing {
  readonly requestName: string | undefined;
  readonly nodeName: string | undefined;
  readonly signerName: string | undefined;
}

/** Rows in one order; each call continues after a position and sees at most `limit`. */
type RowSource = (after: Position | undefined, limit: number) => readonly ListedCertificateRow[];

/**
 * Answers `Certificates.find` by the one index that narrows the question most, and checks the rest row by row, giving
 * way to other work between windows. A page ends with a token that names its last row, so that rows recorded between
 * two pages shift nothing.
 */
export function certificateFinder(connection: Connection, now: () => Date) {
  const sourceFor = rowSources(connection, now);
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
  const { nodeName, signerName, requestName, state, expiresBefore, id } = query;
  const nowMilliseconds = now.getTime();
  const isInState = (row: ListedCertificateRow) => {
    if (state === undefined) return true;
    if (state === "revoked") return row.state === "revoked";
    // Revoked outlives expired, so that each certificate is in one state.
    return row.state === "issued" && row.notAfterMilliseconds < nowMilliseconds === (state === "expired");
  };
  return (row) =>
    (nodeName === undefined || row.nodeName === nodeName) &&
    (signerName === undefined || row.signerName === signerName) &&
    (requestName === undefined || row.requestName === requestName) &&
    (id === undefined || row.fingerprint === id || row.serial === id) &&
    (expiresBefore === undefined || row.notAfterMilliseconds < expiresBefore.getTime()) &&
    isInState(row);
}

function rowSources(connection: Connection, now: () => Date) {
  const table = certificatesReader(connection);
  const newest = (sql: string) => {
    const statement = connection.prepare<[Record<string, unknown>], ListedCertificateRow>(sql);
    return (parameters: Record<string, unknown>): RowSource =>
      (after, limit) =>
        statement.all({ ...parameters, beforeId: after?.id ?? AFTER_EVERYTHING, limit });
  };
  const ofAll = newest(certificatesSql.newest);
  const ofNode = newest(certificatesSql.newestOfNode);
  const ofNodeAndSigner = newest(certificatesSql.newestOfNodeAndSigner);
  const ofSigner = newest(certificatesSql.newestOfSigner);
  const ofRequest = newest(certificatesSql.newestOfRequest);
  const ofRevoked = newest(certificatesSql.newestRevoked);
  const expiring = connection.prepare<[Record<string, number>], ListedCertificateRow>(certificatesSql.expiring);

  function byExpiry(fromMilliseconds: number, toMilliseconds: number): RowSource {
    return (after, limit) => {
      const start = after ? after.notAfterMilliseconds : fromMilliseconds;
      return expiring.all({ fromMilliseconds: start, toMilliseconds, afterId: after?.id ?? 0, limit });
    };
  }

  function byId(id: string): RowSource {
    const one = table.byFingerprint(id);
    const rows = one ? [one] : table.bySerial(id);
    return (after) => rows.filter((row) => after === undefined || row.id < after.id);
  }

  function narrowSource({ requestName, nodeName, signerName }: Narrowing): RowSource | undefined {
    if (requestName !== undefined) return ofRequest({ requestName });
    if (nodeName === undefined) return undefined;
    return signerName === undefined ? ofNode({ nodeName }) : ofNodeAndSigner({ nodeName, signerName });
  }

  return ({ id, requestName, nodeName, signerName, state, expiresBefore }: CertificateQuery): RowSource => {
    if (id !== undefined) return byId(id);
    const ofOne = narrowSource({ requestName, nodeName, signerName });
    if (ofOne) return expiresBefore === undefined ? ofOne : sortedByExpiry(ofOne);
    if (expiresBefore !== undefined) {
      const from = state === "valid" ? now().getTime() : EARLIEST_MILLISECONDS;
      return byExpiry(from, expiresBefore.getTime());
    }
    if (state === "revoked") return ofRevoked({});
    return signerName === undefined ? ofAll({}) : ofSigner({ signerName });
  };
}

/** For the few rows of one node or request: all of them at once. */
function sortedByExpiry(source: RowSource): RowSource {
  const compare = (a: Position, b: Position) => a.notAfterMilliseconds - b.notAfterMilliseconds || a.id - b.id;
  const rows = source(undefined, AFTER_EVERYTHING).toSorted(compare);
  return (after, limit) => rows.filter((row) => after === undefined || compare(row, after) > 0).slice(0, limit);
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
