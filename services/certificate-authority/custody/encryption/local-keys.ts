import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { decryptAesGcm, encryptAesGcm } from "./aes-gcm.ts";
import { additionalData, type Envelope, encodeHeader, type Label, type ProviderName } from "./envelope.ts";
import { deriveSecret, keyIdOf, type SealingKey } from "./sealing-key.ts";

/** Providers whose keys stand in the configuration. */
export type LocalProvider = Exclude<ProviderName, "identity" | "kms">;

export interface NamedKey {
  readonly name: string;
  /** As long as `KEY_LENGTHS` allows. */
  readonly secret: Buffer;
}

/** Octets. Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go. */
export const KEY_LENGTHS: Readonly<Record<LocalProvider, readonly number[]>> = {
  aesgcm: [16, 24, 32],
  aescbc: [16, 24, 32],
  secretbox: [32],
};

const V1_KEY_LENGTH = 32;

/** How one provider turns a secret into a body and back; `additional` is bound to it. */
interface Scheme {
  encrypt(secret: Uint8Array, additional: Buffer): Buffer;
  decrypt(body: Buffer, additional: Buffer): Buffer | undefined;
}

const SCHEMES: Readonly<Record<LocalProvider, (secret: Buffer) => Scheme>> = {
  aesgcm: aesGcmScheme,
  aescbc: aesCbcScheme,
  secretbox: secretboxScheme,
};

/** One key of `aesgcm`, `aescbc` or `secretbox`. Only keys derived from it are ever used. */
export function localKey(provider: LocalProvider, { name, secret }: NamedKey): SealingKey {
  const keyId = keyIdOf(secret);
  const scheme = SCHEMES[provider](secret);
  const header = encodeHeader(provider, [name, keyId]);
  const opensVersion1 = provider === "aesgcm" && secret.length === V1_KEY_LENGTH;
  const version1Key = opensVersion1 ? deriveSecret(secret, "v1/seal", V1_KEY_LENGTH) : undefined;
  return {
    provider,
    name,
    // By id and not by name: a key that was renamed still opens what it sealed.
    owns: (envelope) => envelope.provider === provider && envelope.fields[1]?.equals(keyId) === true,
    seal: async (label, plain) => Buffer.concat([header, scheme.encrypt(plain, additionalData(header, label))]),
    open: async (label: Label, envelope: Envelope) => {
      const additional = additionalData(envelope.header, label);
      if (envelope.version === 2) return scheme.decrypt(envelope.body, additional);
      return version1Key && decryptAesGcm(version1Key, additional, envelope.body);
    },
    isCurrent: async (envelope) => envelope.header.equals(header),
    ...(opensVersion1 && {
      formerDerivation: (purpose) => deriveSecret(secret, `v1/derive/${purpose}`, V1_KEY_LENGTH),
    }),
  };
}

function aesGcmScheme(secret: Buffer): Scheme {
  const key = deriveSecret(secret, "v2/aesgcm", secret.length);
  return {
    encrypt: (plain, additional) => encryptAesGcm(key, additional, plain),
    decrypt: (body, additional) => decryptAesGcm(key, additional, body),
  };
}

const BLOCK_LENGTH = 16;
const MAC_LENGTH = 32;

/**
 * CBC with PKCS#7 padding detects no change, and Kubernetes adds nothing to it. Here HMAC-SHA256 under a key of its own
 * covers header, label, initialisation vector and ciphertext, and is checked before anything is decrypted: no padding
 * oracle, no altered key. Body: vector, ciphertext, MAC.
 */
function aesCbcScheme(secret: Buffer): Scheme {
  const key = deriveSecret(secret, "v2/aescbc", secret.length);
  const macKey = deriveSecret(secret, "v2/aescbc-mac", MAC_LENGTH);
  const algorithm = `aes-${secret.length * 8}-cbc`;
  const macOf = (additional: Buffer, sealed: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(additional.length);
    return createHmac("sha256", macKey).update(length).update(additional).update(sealed).digest();
  };
  return {
    encrypt: (plain, additional) => {
      const vector = randomBytes(BLOCK_LENGTH);
      const cipher = createCipheriv(algorithm, key, vector);
      const sealed = Buffer.concat([vector, cipher.update(plain), cipher.final()]);
      return Buffer.concat([sealed, macOf(additional, sealed)]);
    },
    decrypt: (body, additional) => {
      if (body.length < 2 * BLOCK_LENGTH + MAC_LENGTH) return undefined;
      const sealed = body.subarray(0, -MAC_LENGTH);
      if (!timingSafeEqual(macOf(additional, sealed), body.subarray(-MAC_LENGTH))) return undefined;
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, BLOCK_LENGTH));
      return Buffer.concat([decipher.update(sealed.subarray(BLOCK_LENGTH)), decipher.final()]);
    },
  };
}

const SECRETBOX_NONCE_LENGTH = 24;
const SECRETBOX_KEY_LENGTH = 32;

/** A secretbox takes no additional data, so the key is derived anew for each header and label. Body: nonce, box. */
function secretboxScheme(secret: Buffer): Scheme {
  const keyFor = (additional: Buffer): Buffer => {
    const bound = createHash("sha256").update(additional).digest("hex");
    return deriveSecret(secret, `v2/secretbox/${bound}`, SECRETBOX_KEY_LENGTH);
  };
  return {
    encrypt: (plain, additional) => {
      const nonce = randomBytes(SECRETBOX_NONCE_LENGTH);
      return Buffer.concat([nonce, xsalsa20poly1305(keyFor(additional), nonce).encrypt(plain)]);
    },
    decrypt: (body, additional) => {
      if (body.length < SECRETBOX_NONCE_LENGTH) return undefined;
      const box = xsalsa20poly1305(keyFor(additional), body.subarray(0, SECRETBOX_NONCE_LENGTH));
      try {
        return Buffer.from(box.decrypt(body.subarray(SECRETBOX_NONCE_LENGTH)));
      } catch {
        return undefined;
      }
    },
  };
}
