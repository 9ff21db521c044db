import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/**
 * How a secret lies on disk, version 1; every octet of it is authenticated:
 *
 *     octets  0…3   "GHSE"
 *     octet   4     version, 1
 *     octets  5…12  id of the encryption key
 *     octets 13…24  nonce of AES-256-GCM
 *     then          ciphertext, as long as the secret
 *     last 16       GCM tag
 *
 * The header, the purpose and the name are the additional data, so that one sealed secret cannot stand in for another.
 */
const MAGIC = Buffer.from("GHSE", "latin1");
const VERSION = 1;
const KEY_ID_LENGTH = 8;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const HEADER_LENGTH = MAGIC.length + 1 + KEY_ID_LENGTH;
const CIPHER = "aes-256-gcm";

/** What a sealed secret is for and how it is called. Opening with another label fails. */
export interface Label {
  readonly purpose: string;
  readonly name: string;
}

export type Opening =
  | { readonly kind: "opened"; readonly secret: Buffer }
  | { readonly kind: "otherKey"; readonly keyId: string }
  | { readonly kind: "otherVersion"; readonly version: number }
  | { readonly kind: "damaged" };

/** Seals and opens secrets under one 256-bit encryption key, and derives other keys from it. */
export interface Sealer {
  /** Lower-case hex, 16 digits; tells keys apart and reveals nothing about them. */
  readonly keyId: string;
  seal(label: Label, secret: Uint8Array): Buffer;
  open(label: Label, envelope: Uint8Array): Opening;
  /** 32 octets, the same for the same encryption key and purpose (HKDF with SHA-256, RFC 5869). */
  derive(purpose: string): Buffer;
}

/** @param encryptionKey - 32 octets; only keys derived from it are ever used. */
export function createSealer(encryptionKey: Uint8Array): Sealer {
  const derive = (info: string, length: number): Buffer =>
    Buffer.from(hkdfSync("sha256", encryptionKey, Buffer.alloc(0), `gatehouse/v1/${info}`, length));
  const keyId = derive("key-id", KEY_ID_LENGTH);
  const sealingKey = derive("seal", 32);
  const header = Buffer.concat([MAGIC, Buffer.of(VERSION), keyId]);
  return {
    keyId: keyId.toString("hex"),
    seal: (label, secret) => {
      const nonce = randomBytes(NONCE_LENGTH);
      const cipher = createCipheriv(CIPHER, sealingKey, nonce, { authTagLength: TAG_LENGTH });
      cipher.setAAD(additionalData(header, label));
      return Buffer.concat([header, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    },
    open: (label, envelope) => {
      const foreign = readForeignHeader(envelope, keyId);
      if (foreign !== undefined) return foreign;
      const secret = decrypt(sealingKey, additionalData(header, label), Buffer.from(envelope).subarray(HEADER_LENGTH));
      return secret === undefined ? { kind: "damaged" } : { kind: "opened", secret };
    },
    derive: (purpose) => derive(`derive/${purpose}`, 32),
  };
}

/** @returns why this envelope is not one of ours under this key, or undefined when its header says it is. */
function readForeignHeader(envelope: Uint8Array, keyId: Buffer): Opening | undefined {
  const bytes = Buffer.from(envelope);
  if (bytes.length < HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH) return { kind: "damaged" };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { kind: "damaged" };
  const version = bytes.readUInt8(MAGIC.length);
  if (version !== VERSION) return { kind: "otherVersion", version };
  const sealedWith = bytes.subarray(MAGIC.length + 1, HEADER_LENGTH);
  return sealedWith.equals(keyId) ? undefined : { kind: "otherKey", keyId: sealedWith.toString("hex") };
}

function additionalData(header: Buffer, { purpose, name }: Label): Buffer {
  return Buffer.concat([header, Buffer.from(`${purpose}\0${name}`)]);
}

function decrypt(key: Buffer, aad: Buffer, sealed: Buffer): Buffer | undefined {
  const nonce = sealed.subarray(0, NONCE_LENGTH);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]);
  } catch {
    return undefined;
  }
}
