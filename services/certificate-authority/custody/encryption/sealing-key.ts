import { hkdfSync } from "node:crypto";
import type { Envelope, Label, ProviderName } from "./envelope.ts";

/** One key of one provider: seals secrets, and opens what it sealed. */
export interface SealingKey {
  readonly provider: ProviderName;
  /** Its name in the configuration; `identity` has none and a KMS has one for all its keys. */
  readonly name: string;
  /** Whether the envelope says that this is its key; `open` is asked for no other. */
  owns(envelope: Envelope): boolean;
  /** @returns a whole envelope. */
  seal(label: Label, secret: Uint8Array): Promise<Buffer>;
  /** @returns undefined when the envelope is damaged, altered or labelled otherwise. */
  open(label: Label, envelope: Envelope): Promise<Buffer | undefined>;
  /** Whether sealing again would change neither key nor format of an envelope it owns. */
  isCurrent(envelope: Envelope): Promise<boolean>;
  /** Keys that were derived from the encryption key itself while there was no root secret; see `RootSecret`. */
  readonly formerDerivation?: (purpose: string) => Buffer;
}

const KEY_ID_LENGTH = 8;
const EMPTY = Buffer.alloc(0);

/** HKDF with SHA-256 (RFC 5869), so that no key serves two uses. */
export function deriveSecret(key: Uint8Array, use: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, EMPTY, `gatehouse/${use}`, length));
}

/** 8 octets that tell keys apart and reveal nothing about them. */
export function keyIdOf(key: Uint8Array): Buffer {
  return deriveSecret(key, "v1/key-id", KEY_ID_LENGTH);
}
