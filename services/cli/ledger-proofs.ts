import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Checkpoint, openCheckpoint } from "../shared/merkle/checkpoint.ts";
import { isConsistent, leafHash, rootOfInclusion } from "../shared/merkle/hashing.ts";
import type { LedgerConsistency, LedgerProof } from "./api-types.ts";
import { CommandError, messageOf, usageError } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";

const MAXIMUM_FILE_BYTES = 4 * 1024 * 1024;

/** What a proof shows, once it holds. */
export interface VerifiedProof {
  readonly size: number;
  /** The entry that is in the ledger; undefined of a proof of consistency. */
  readonly entry?: string;
  readonly sequence?: number;
  /** The size that the ledger was only added to since. */
  readonly since?: number;
}

/** @throws {CommandError} naming the file. */
export function readProofFile(path: string, { workingDirectory }: Pick<Terminal, "workingDirectory">): string {
  try {
    const content = readFileSync(resolve(workingDirectory, path));
    if (content.length > MAXIMUM_FILE_BYTES) throw new Error(`it has more than ${MAXIMUM_FILE_BYTES} octets`);
    return content.toString("utf8");
  } catch (cause) {
    throw new CommandError(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}

/** The key itself, or the file that has it. */
export function readPublicKey(keyOrFile: string, terminal: Pick<Terminal, "workingDirectory">): string {
  const isFile = existsSync(resolve(terminal.workingDirectory, keyOrFile));
  return isFile ? readProofFile(keyOrFile, terminal) : keyOrFile;
}

/** @throws {CommandError} when it is none, or is not signed by the key. */
export function verifyCheckpoint(note: string, publicKey: string): Checkpoint {
  try {
    return openCheckpoint(note, publicKey);
  } catch (cause) {
    throw new CommandError(messageOf(cause), undefined, { cause });
  }
}

/**
 * Verifies a proof by the public key alone.
 *
 * @param trusted - an older checkpoint: the one that a proof of consistency starts from, or the one of the proof itself.
 * @throws {CommandError} when it shows nothing.
 */
export function verifyProof(text: string, publicKey: string, trusted: string | undefined): VerifiedProof {
  const proof = parseProof(text);
  const newer = verifyCheckpoint(proof.checkpoint, publicKey);
  const older = trusted === undefined ? undefined : verifyCheckpoint(trusted, publicKey);
  if (proof.kind === "LedgerConsistency") return verifyConsistency(proof, older, newer);
  if (older !== undefined && (older.size !== newer.size || !older.root.equals(newer.root))) {
    throw new CommandError(
      "the proof is of another checkpoint than the one given",
      "Prove with `ledger prove --since` that one grew out of the other, and verify that.",
    );
  }
  const root = rootOfInclusion(leafHash(Buffer.from(proof.entry)), proof.sequence - 1, newer.size, pathOf(proof));
  if (root?.equals(newer.root) !== true) throw new CommandError("the entry is not in the ledger of that checkpoint");
  return { size: newer.size, entry: proof.entry, sequence: proof.sequence };
}

function verifyConsistency(proof: LedgerConsistency, older: Checkpoint | undefined, newer: Checkpoint): VerifiedProof {
  if (older === undefined) {
    throw usageError("a proof of consistency starts from an older checkpoint", "Give that with --checkpoint.");
  }
  if (older.size !== proof.from) {
    throw new CommandError(`the proof starts from ${proof.from} entries, and the checkpoint has ${older.size}`);
  }
  if (!isConsistent(older, newer, pathOf(proof))) {
    throw new CommandError(
      "the ledger did not grow out of that checkpoint: entries before it were changed or taken out",
      "Keep both checkpoints and the ledger's file as they are, and compare with a backup.",
    );
  }
  return { size: newer.size, since: older.size };
}

function pathOf({ path }: { readonly path: readonly string[] }): readonly Buffer[] {
  return path.map((hash) => Buffer.from(hash, "base64"));
}

function parseProof(text: string): LedgerProof | LedgerConsistency {
  const value = parseJson(text);
  const { kind, checkpoint, path, sequence, entry, from } = Object(value) as Record<string, unknown>;
  const hasPath = Array.isArray(path) && path.every((hash) => typeof hash === "string");
  const isCommon = typeof checkpoint === "string" && hasPath;
  const isInclusion = kind === "LedgerProof" && Number.isSafeInteger(sequence) && typeof entry === "string";
  const isGrowth = kind === "LedgerConsistency" && Number.isSafeInteger(from);
  if (isCommon && (isInclusion || isGrowth)) return value as LedgerProof | LedgerConsistency;
  throw new CommandError("this is no proof: `gatehouse ledger prove` makes them");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
