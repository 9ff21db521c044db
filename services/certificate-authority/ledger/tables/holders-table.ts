import type { Connection } from "../connection.ts";

export interface HolderRow {
  readonly id: number;
  readonly signerName: string;
  readonly notBeforeMilliseconds: number;
  readonly notAfterMilliseconds: number;
  readonly fingerprint: Uint8Array;
}

/** A node and a signer that it has certificates of. */
export interface HeldRow {
  readonly nodeName: string;
  readonly signerName: string;
}

export interface OtherHolderRow extends HolderRow {
  readonly commonName: string;
  /** JSON of SubjectAltNames. */
  readonly sans: string;
}

const COLUMNS =
  "id, signer_name AS signerName, not_before_ms AS notBeforeMilliseconds, not_after_ms AS notAfterMilliseconds, fingerprint";

export const holdersSql = {
  held:
    "SELECT DISTINCT node_name AS nodeName, signer_name AS signerName FROM certificates INDEXED BY certificates_by_node " +
    "WHERE node_name IS NOT NULL AND (node_name, signer_name) > (?, ?) ORDER BY node_name, signer_name LIMIT ?",
  newest:
    `SELECT ${COLUMNS} FROM certificates INDEXED BY certificates_by_node ` +
    "WHERE node_name = CAST(? AS TEXT) AND signer_name = CAST(? AS TEXT) AND state = 'issued' " +
    "ORDER BY not_before_ms DESC, id DESC LIMIT 1",
  ofOthers:
    `SELECT ${COLUMNS}, common_name AS commonName, sans FROM certificates INDEXED BY certificates_of_no_node ` +
    "WHERE node_name IS NULL AND state = 'issued' AND (not_after_ms, id) > (?, ?) ORDER BY not_after_ms, id LIMIT ?",
} as const;

/** Who has certificates, and the newest of each that is not revoked. */
export function holdersReader(connection: Connection) {
  const held = connection.prepare<[string, string, number], HeldRow>(holdersSql.held);
  const newest = connection.prepare<[string, string], HolderRow>(holdersSql.newest);
  const ofOthers = connection.prepare<[number, number, number], OtherHolderRow>(holdersSql.ofOthers);
  return {
    /** Nodes and signers after those given, in their order. */
    held: (nodeName: string, signerName: string, limit: number): readonly HeldRow[] =>
      held.all(nodeName, signerName, limit),
    /** Undefined where all of them were revoked. */
    newest: ({ nodeName, signerName }: HeldRow): HolderRow | undefined => newest.get(nodeName, signerName),
    /** Every certificate of no node that ends after an instant, in that order: several may be of one holder. */
    ofOthers: (notAfterMilliseconds: number, id: number, limit: number): readonly OtherHolderRow[] =>
      ofOthers.all(notAfterMilliseconds, id, limit),
  };
}
