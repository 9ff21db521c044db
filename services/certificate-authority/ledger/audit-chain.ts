import { hash } from "node:crypto";
import type { AuditEntry } from "../domain/ports.ts";
import { canonicalJson } from "./canonical-json.ts";

/** What the first entry's hash is chained to: 32 zero octets. */
export const CHAIN_START: Uint8Array = new Uint8Array(32);

const HASH_BYTES = 32;
const SEQUENCE_BYTES = 8;

/** The canonical JSON of an entry's five members (`at`, `actor`, `kind`, `subject`, `details`): what is stored and hashed. */
export function auditPayload(entry: AuditEntry): string {
  const { at, actor, kind, subject, details } = entry;
  return canonicalJson({ at, actor, kind, subject, details });
}

/**
 * The hash of one entry: SHA-256 over the previous entry's 32-octet hash (zeros for the first), the entry's sequence as
 * an unsigned 64-bit big-endian integer, and its payload in UTF-8, one directly after the other.
 */
export function auditHash(previousHash: Uint8Array, sequence: number, payload: string): Buffer {
  const start = HASH_BYTES + SEQUENCE_BYTES;
  const input = Buffer.allocUnsafe(start + Buffer.byteLength(payload));
  input.set(previousHash);
  input.writeBigUInt64BE(BigInt(sequence), HASH_BYTES);
  input.write(payload, start, "utf8");
  return hash("sha256", input, "buffer");
}

/** A value as a column holds it. */
export type ColumnValue = string | number | null | Uint8Array;

/**
 * What an audit entry says about the row it vouches for (`details.content`): lower-case hex SHA-256 of the JSON array
 * of the row's columns in the order its table module lists them; octets as lower-case hex of their SHA-256.
 */
export function contentHash(columns: readonly ColumnValue[]): string {
  const texts = columns.map((value) => (value instanceof Uint8Array ? sha256Hex(value) : value));
  return hash("sha256", JSON.stringify(texts), "hex");
}

/** Lower-case hex SHA-256. */
export function sha256Hex(octets: Uint8Array): string {
  return hash("sha256", octets, "hex");
}
