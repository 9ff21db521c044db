import type { Connection } from "../connection.ts";
import { auditSql } from "../tables/audit-table.ts";
import { revocationContent, revocationsSql, type StoredRevocationRow } from "../tables/revocations-table.ts";
import type { Problems } from "./problems.ts";

export const revocationChecksSql = {
  revokedWithout:
    "SELECT lower(hex(certificates.fingerprint)) FROM certificates INDEXED BY certificates_revoked " +
    "LEFT JOIN revocations ON revocations.fingerprint = certificates.fingerprint " +
    "WHERE state = 'revoked' AND revocations.sequence IS NULL",
  stateOf: "SELECT state FROM certificates WHERE fingerprint = unhex(?)",
} as const;

/** Each entry of the feed against the audit entry of its commit, and against the state of its certificate. */
export function checkRevocations(connection: Connection, problems: Problems): undefined {
  const bySequence = connection.prepare<[number], { payload: string }>(auditSql.bySequence);
  const stateOf = connection.prepare<[string], string>(revocationChecksSql.stateOf).pluck();
  const all = connection.prepare<[number, number], StoredRevocationRow>(revocationsSql.after);
  for (const row of all.iterate(0, -1)) {
    const name = `revocation ${row.sequence}`;
    const payload = bySequence.get(row.auditSequence)?.payload;
    if (payload === undefined || revocationIn(payload) !== revocationContent(row)) {
      problems.add(`${name}: no audit entry records it as it is stored`);
    }
    if (row.fingerprint !== null && stateOf.get(row.fingerprint) !== "revoked") {
      problems.add(`${name}: its certificate ${row.fingerprint} is not on record as revoked`);
    }
  }
  for (const fingerprint of connection.prepare<[], string>(revocationChecksSql.revokedWithout).pluck().iterate()) {
    problems.add(`certificate ${fingerprint}: it is revoked, and no revocation says so`);
  }
}

/** The hash of the row that an audit entry vouches for; undefined when there is none. */
function revocationIn(payload: string): string | undefined {
  try {
    const { details } = JSON.parse(payload) as { readonly details?: { readonly revocation?: string } };
    return details?.revocation;
  } catch {
    return undefined;
  }
}
