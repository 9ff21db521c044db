import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";
import type { TokenParts } from "./token-secret.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts the secrets of tokens that sign, for those alone have to be read again. */
export interface TokenSeal {
  /** Nonce, ciphertext and tag, one after the other. Bound to the token's id. */
  seal(token: TokenParts): Uint8Array;
  /** @throws when the octets were not sealed for this id under this key. */
  open(id: string, sealed: Uint8Array): string;
}

/** @param key - 32 octets, derived for this purpose alone. */
export function createTokenSeal(key: KeyObject): TokenSeal {
  return {
    seal({ id, secret }) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(id));
      return Buffer.concat([nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    },
    open(id, sealed) {
      const end = sealed.length - TAG_BYTES;
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), options);
      decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(end));
      const opened = [decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()];
      return Buffer.concat(opened).toString("utf8");
    },
  };
}
