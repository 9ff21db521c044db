import { type LiveCertificate, REPLACED_BY_US } from "../../domain/issuer-rotation.ts";
import type { Connection } from "../connection.ts";

interface LiveRow {
  readonly id: number;
  readonly serial: string;
  readonly signerName: string;
  readonly commonName: string;
  readonly nodeName: string | null;
  readonly notAfterMilliseconds: number;
  readonly isNewest: number;
}

/** A place in the order of expiry. */
export interface ExpiryPlace {
  readonly milliseconds: number;
  readonly id: number;
}

const OF_ISSUER = "FROM certificates INDEXED BY certificates_by_issuer WHERE issuer_id = unhex(?)";
const OURS = REPLACED_BY_US.map((signerName) => `'${signerName}'`).join(", ");
/** Two that begin at once are told apart by their order on record, as everywhere. */
const IS_NEWEST =
  "(node_name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM certificates AS later INDEXED BY certificates_by_node " +
  "WHERE later.node_name = certificates.node_name AND later.signer_name = certificates.signer_name " +
  "AND (later.not_before_ms, later.id) > (certificates.not_before_ms, certificates.id)))";

/** What an issuer has signed and is alive. */
export const issuerCertificatesSql = {
  anyLive: `SELECT 1 ${OF_ISSUER} AND not_after_ms >= ? AND state = 'issued' AND signer_name NOT IN (${OURS}) LIMIT 1`,
  atOffset:
    `SELECT not_after_ms AS milliseconds, id ${OF_ISSUER} AND (not_after_ms, id) > (?, ?) ` +
    "ORDER BY not_after_ms, id LIMIT 1 OFFSET ?",
  count: `SELECT count(*) ${OF_ISSUER} AND (not_after_ms, id) > (?, ?) AND (not_after_ms, id) <= (?, ?) AND state = 'issued'`,
  lastEnds: `SELECT not_after_ms ${OF_ISSUER} AND not_after_ms >= ? AND state = 'issued' ORDER BY not_after_ms DESC LIMIT 1`,
  live:
    "SELECT id, lower(hex(serial)) AS serial, signer_name AS signerName, common_name AS commonName, " +
    `node_name AS nodeName, not_after_ms AS notAfterMilliseconds, ${IS_NEWEST} AS isNewest ` +
    `${OF_ISSUER} AND (not_after_ms, id) > (?, ?) AND state = 'issued' ORDER BY not_after_ms, id LIMIT ?`,
} as const;

export function issuerCertificatesReader(connection: Connection) {
  const atOffset = connection.prepare<[string, number, number, number], ExpiryPlace>(issuerCertificatesSql.atOffset);
  const count = connection
    .prepare<[string, number, number, number, number], number>(issuerCertificatesSql.count)
    .pluck();
  const lastEnds = connection.prepare<[string, number], number>(issuerCertificatesSql.lastEnds).pluck();
  const live = connection.prepare<[string, number, number, number], LiveRow>(issuerCertificatesSql.live);
  return {
    /** The certificate so many places further on, live or not. */
    atOffset: (issuerId: string, after: ExpiryPlace, offset: number): ExpiryPlace | undefined =>
      atOffset.get(issuerId, after.milliseconds, after.id, offset),
    count: (issuerId: string, after: ExpiryPlace, upTo: ExpiryPlace): number =>
      count.get(issuerId, after.milliseconds, after.id, upTo.milliseconds, upTo.id) ?? 0,
    lastEnds: (issuerId: string, nowMilliseconds: number): number | undefined =>
      lastEnds.get(issuerId, nowMilliseconds),
    live: (issuerId: string, after: ExpiryPlace, limit: number): readonly LiveRow[] =>
      live.all(issuerId, after.milliseconds, after.id, limit),
  };
}

export function toLiveCertificate(row: LiveRow): LiveCertificate {
  const { serial, signerName, commonName, nodeName, notAfterMilliseconds, isNewest } = row;
  const notAfter = new Date(notAfterMilliseconds);
  return { serial, signerName, commonName, nodeName: nodeName ?? undefined, notAfter, isNewest: isNewest === 1 };
}
