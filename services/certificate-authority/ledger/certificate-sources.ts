import type { CertificateQuery } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { certificatesReader, certificatesSql, type ListedCertificateRow } from "./tables/certificates-table.ts";

const EARLIEST_MILLISECONDS = Number.MIN_SAFE_INTEGER;
const AFTER_EVERYTHING = Number.MAX_SAFE_INTEGER;

/** Where a page ended: the last row's id and, in order of expiry, its notAfter. */
export interface Position {
  readonly id: number;
  readonly notAfterMilliseconds: number;
}

/** Rows in one order; each call continues after a position and sees at most `limit`. */
export type RowSource = (after: Position | undefined, limit: number) => readonly ListedCertificateRow[];

/** From one instant, included, to another, excluded. */
interface Window {
  readonly fromMilliseconds: number;
  readonly toMilliseconds: number;
}

type Parameters = Readonly<Record<string, unknown>>;

/**
 * Chooses, for a question, the one index that narrows it most, in the order in which the answer is to come: the newest
 * first, or the soonest to expire where a window of expiry or an issuer is asked for.
 */
export function certificateSources(connection: Connection, now: () => Date): (query: CertificateQuery) => RowSource {
  const table = certificatesReader(connection);
  const newest = newestSources(connection);
  const expiring = expiringSources(connection);

  function byId(id: string): RowSource {
    const one = table.byFingerprint(id);
    const rows = one ? [one] : table.bySerial(id);
    return (after) => rows.filter((row) => after === undefined || row.id < after.id);
  }

  /** Few rows, whatever the order. */
  function ofOne({ requestName, spkiSha256, nodeName, signerName }: CertificateQuery): RowSource | undefined {
    if (requestName !== undefined) return newest.ofRequest({ requestName });
    if (spkiSha256 !== undefined) return merged(newest.ofNodesKey({ spkiSha256 }), newest.ofOthersKey({ spkiSha256 }));
    if (nodeName === undefined) return undefined;
    return signerName === undefined ? newest.ofNode({ nodeName }) : newest.ofNodeAndSigner({ nodeName, signerName });
  }

  return (query) => {
    const { id, name, issuerId, signerName, state, expiresBefore, expiresAfter, isImported } = query;
    if (id !== undefined) return byId(id);
    const isWindow = expiresBefore !== undefined || expiresAfter !== undefined;
    const few = ofOne(query);
    if (few) return isWindow ? sortedByExpiry(few) : few;
    const window = windowOf(query, now);
    if (name !== undefined) return isWindow ? expiring.ofName({ name }, window) : newest.ofName({ name });
    if (issuerId !== undefined) return expiring.ofIssuer({ issuerId }, window);
    if (isWindow) return expiring.ofAll({}, window);
    if (isImported === true) return newest.ofImported({});
    if (state === "revoked") return newest.ofRevoked({});
    return signerName === undefined ? newest.ofAll({}) : newest.ofSigner({ signerName });
  };
}

/** What has expired is passed over when only what is valid is asked for. */
function windowOf({ state, expiresBefore, expiresAfter }: CertificateQuery, now: () => Date): Window {
  const validFrom = state === "valid" ? now().getTime() : EARLIEST_MILLISECONDS;
  return {
    fromMilliseconds: Math.max(validFrom, expiresAfter?.getTime() ?? EARLIEST_MILLISECONDS),
    toMilliseconds: expiresBefore?.getTime() ?? AFTER_EVERYTHING,
  };
}

function newestSources(connection: Connection) {
  const source = (sql: string) => {
    const statement = connection.prepare<[Parameters], ListedCertificateRow>(sql);
    return (parameters: Parameters): RowSource =>
      (after, limit) =>
        statement.all({ ...parameters, beforeId: after?.id ?? AFTER_EVERYTHING, limit });
  };
  return {
    ofAll: source(certificatesSql.newest),
    ofNode: source(certificatesSql.newestOfNode),
    ofNodeAndSigner: source(certificatesSql.newestOfNodeAndSigner),
    ofSigner: source(certificatesSql.newestOfSigner),
    ofRequest: source(certificatesSql.newestOfRequest),
    ofRevoked: source(certificatesSql.newestRevoked),
    ofNodesKey: source(certificatesSql.newestOfNodesKey),
    ofOthersKey: source(certificatesSql.newestOfOthersKey),
    ofName: source(certificatesSql.newestOfName),
    ofImported: source(certificatesSql.newestImported),
  };
}

function expiringSources(connection: Connection) {
  const source = (sql: string) => {
    const statement = connection.prepare<[Parameters], ListedCertificateRow>(sql);
    return (parameters: Parameters, { fromMilliseconds, toMilliseconds }: Window): RowSource =>
      (after, limit) => {
        const start = after ? after.notAfterMilliseconds : fromMilliseconds;
        const afterId = after?.id ?? 0;
        return statement.all({ ...parameters, fromMilliseconds: start, toMilliseconds, afterId, limit });
      };
  };
  return {
    ofAll: source(certificatesSql.expiring),
    ofName: source(certificatesSql.expiringOfName),
    ofIssuer: source(certificatesSql.expiringOfIssuer),
  };
}

/** The rows of both, the newest first. */
function merged(one: RowSource, other: RowSource): RowSource {
  return (after, limit) =>
    [...one(after, limit), ...other(after, limit)].toSorted((a, b) => b.id - a.id).slice(0, limit);
}

/** For the few rows of one node, key or request: all of them at once. */
function sortedByExpiry(source: RowSource): RowSource {
  const compare = (a: Position, b: Position) => a.notAfterMilliseconds - b.notAfterMilliseconds || a.id - b.id;
  const rows = source(undefined, AFTER_EVERYTHING).toSorted(compare);
  return (after, limit) => rows.filter((row) => after === undefined || compare(row, after) > 0).slice(0, limit);
}
