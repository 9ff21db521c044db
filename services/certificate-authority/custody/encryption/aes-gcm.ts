import { type CipherGCMTypes, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** @returns nonce, ciphertext and tag. @param key - 16, 24 or 32 octets. */
export function encryptAesGcm(key: Uint8Array, additional: Uint8Array, secret: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_LENGTH);
  const cipher = createCipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(additional);
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

/** @returns undefined when key, additional data or content are not those of the encryption. */
export function decryptAesGcm(key: Uint8Array, additional: Uint8Array, sealed: Buffer): Buffer | undefined {
  if (sealed.length < NONCE_LENGTH + TAG_LENGTH) return undefined;
  const nonce = sealed.subarray(0, NONCE_LENGTH);
  const decipher = createDecipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(additional);
  decipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function algorithmOf(key: Uint8Array): CipherGCMTypes {
  return `aes-${key.length * 8}-gcm` as CipherGCMTypes;
}
