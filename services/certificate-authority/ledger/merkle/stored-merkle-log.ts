import { setImmediate as nextTurn } from "node:timers/promises";
import type { MerkleLog } from "../../domain/merkle-log.ts";
import type { Connection } from "../connection.ts";
import { type AuditRow, auditSql } from "../tables/audit-table.ts";
import { MerkleTree } from "./tree.ts";

export const merkleSql = {
  sequenceByFingerprint:
    "SELECT audit_sequence FROM certificates INDEXED BY certificates_by_fingerprint WHERE fingerprint = unhex(?)",
  sequenceBySerial:
    "SELECT audit_sequence FROM certificates INDEXED BY certificates_by_serial WHERE serial = unhex(?) LIMIT 1",
} as const;

/**
 * The Merkle tree over the hash chain. Nothing of it is written: who asks first has it computed, some million entries a
 * few seconds, giving way to other work after each few hundred; from then on only what came since is taken in.
 */
export function storedMerkleLog(reader: Connection): MerkleLog {
  const after = reader.prepare<[number, number], AuditRow>(auditSql.nextAfter);
  const head = reader.prepare<[], AuditRow>(auditSql.head);
  const bySequence = reader.prepare<[number], AuditRow>(auditSql.bySequence);
  const byFingerprint = reader.prepare<[string], number>(merkleSql.sequenceByFingerprint).pluck();
  const bySerial = reader.prepare<[string], number>(merkleSql.sequenceBySerial).pluck();
  const tree = new MerkleTree((index, count) => after.all(index, count).map(({ payload }) => Buffer.from(payload)));

  /** Sequences have no gap and start at 1, so that the last one is how many there are. */
  async function grow(): Promise<number> {
    const size = head.get()?.sequence ?? 0;
    while (reader.open && tree.extend(size)) await nextTurn();
    return size;
  }

  return {
    async head() {
      const size = await grow();
      return { size, root: tree.root(size) };
    },
    sequenceOfCertificate: (id) => byFingerprint.get(id) ?? bySerial.get(id),
    async proveInclusion(sequence) {
      const size = await grow();
      const row = bySequence.get(sequence);
      if (row === undefined || sequence > size) return undefined;
      const path = tree.inclusion(sequence - 1, size);
      return { sequence, payload: row.payload, size, root: tree.root(size), path };
    },
    async proveConsistency(from) {
      const size = await grow();
      if (from > size) return undefined;
      return { from, size, root: tree.root(size), path: from === 0 ? [] : tree.consistency(from, size) };
    },
  };
}
