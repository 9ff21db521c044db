import { auditHash, CHAIN_START } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

export interface AuditRow {
  readonly sequence: number;
  readonly payload: string;
  readonly hash: Buffer;
}

export const auditSql = {
  head: "SELECT sequence, payload, hash FROM audit WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1",
  insert: "INSERT INTO audit (sequence, payload, hash) VALUES (?, ?, ?)",
  bySequence: "SELECT sequence, payload, hash FROM audit WHERE sequence = ?",
  nextAfter: "SELECT sequence, payload, hash FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
  nextBefore: "SELECT sequence, payload, hash FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
  after: "SELECT sequence, payload, hash FROM audit WHERE sequence > ? ORDER BY sequence",
} as const;

/** The writing end of the hash chain. */
export interface AuditAppender {
  /** Adds an entry, given as its payload, inside the current transaction; returns its sequence. */
  append(payload: string): number;
  /** To be called after every rollback: forgets what was not kept. */
  reload(): void;
}

/** The only writer of the `audit` table; keeps the chain's head in memory. */
export function auditAppender(connection: Connection): AuditAppender {
  const selectHead = connection.prepare<[], AuditRow>(auditSql.head);
  const insert = connection.prepare<[number, string, Uint8Array]>(auditSql.insert);
  const readHead = () => selectHead.get() ?? { sequence: 0, hash: CHAIN_START };
  let head: { readonly sequence: number; readonly hash: Uint8Array } = readHead();
  return {
    append(payload) {
      const sequence = head.sequence + 1;
      const hash = auditHash(head.hash, sequence, payload);
      insert.run(sequence, payload, hash);
      head = { sequence, hash };
      return sequence;
    },
    reload() {
      head = readHead();
    },
  };
}
