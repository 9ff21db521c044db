import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";

/** What a checkpoint is about, and what its key is called. */
const ORIGIN = "gatehouse.dev/ledger";
const ED25519 = 1;
const KEY_HASH_BYTES = 4;
const ROOT_BYTES = 32;
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const SIGNATURE_LINE = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/;
const PUBLIC_KEY = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/;

/** The state of a log that somebody vouches for. */
export interface Checkpoint {
  readonly size: number;
  readonly root: Buffer;
}

/** The text of a checkpoint, signed. Source: C2SP signed-note and tlog-checkpoint, 1.0. */
export function signCheckpoint({ size, root }: Checkpoint, privateKey: KeyObject): string {
  const text = `${ORIGIN}\n${size}\n${root.toString("base64")}\n`;
  const signature = Buffer.concat([keyHash(rawPublicKey(privateKey)), sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n\u2014 ${ORIGIN} ${signature.toString("base64")}\n`;
}

/** The public half of a checkpoint's key, in one line. Source: C2SP signed-note, 1.0. */
export function checkpointPublicKey(privateKey: KeyObject): string {
  const raw = rawPublicKey(privateKey);
  const encoded = Buffer.concat([Buffer.of(ED25519), raw]).toString("base64");
  return `${ORIGIN}+${keyHash(raw).toString("hex")}+${encoded}`;
}

/**
 * What a checkpoint says, once its signature by that key is verified.
 *
 * @throws {Error} saying in words what is wrong with the checkpoint or the key.
 */
export function openCheckpoint(note: string, publicKey: string): Checkpoint {
  const raw = readPublicKey(publicKey);
  const separator = note.lastIndexOf("\n\n");
  if (separator < 0) throw new Error("this is no checkpoint: a blank line stands before its signature");
  const text = note.slice(0, separator + 1);
  const signatures = note
    .slice(separator + 2)
    .split("\n")
    .slice(0, -1);
  if (!signatures.some((line) => isSignature(line, text, raw))) {
    throw new Error("the checkpoint is not signed by that key");
  }
  return readText(text);
}

function readText(text: string): Checkpoint {
  const [origin, size = "", root = "", end, ...more] = text.split("\n");
  if (origin !== ORIGIN) throw new Error(`the checkpoint is of another log, not of ${ORIGIN}`);
  const octets = Buffer.from(root, "base64");
  const isRoot = octets.length === ROOT_BYTES && octets.toString("base64") === root;
  if (!/^(?:0|[1-9]\d{0,14})$/.test(size) || !isRoot || end !== "" || more.length > 0) {
    throw new Error("the checkpoint is signed, and is none that this version can read");
  }
  return { size: Number(size), root: octets };
}

function isSignature(line: string, text: string, raw: Buffer): boolean {
  const [, name, encoded = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const octets = Buffer.from(encoded, "base64");
  if (name !== ORIGIN || Buffer.compare(octets.subarray(0, KEY_HASH_BYTES), keyHash(raw)) !== 0) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
  return verify(null, Buffer.from(text), key, octets.subarray(KEY_HASH_BYTES));
}

function readPublicKey(text: string): Buffer {
  const [, name, , encoded = ""] = PUBLIC_KEY.exec(text.trim()) ?? [];
  const octets = Buffer.from(encoded, "base64");
  if (name !== ORIGIN || octets[0] !== ED25519 || octets.length !== 1 + ROOT_BYTES) {
    throw new Error(`this is no public key of checkpoints; it begins with ${ORIGIN}+`);
  }
  return octets.subarray(1);
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(SPKI_PREFIX.length);
}

function keyHash(raw: Uint8Array): Buffer {
  const input = Buffer.concat([Buffer.from(`${ORIGIN}\n`), Buffer.of(ED25519), raw]);
  return hash("sha256", input, "buffer").subarray(0, KEY_HASH_BYTES);
}
