import { TpmError } from "./tpm-reader.ts";

/** TPM_ALG_ID, those that occur here. Source: TCG Algorithm Registry, section 4. */
export const ALGORITHM = {
  rsa: 0x0001,
  aes: 0x0006,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  rsassa: 0x0014,
  rsapss: 0x0016,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

/** Hashes by the names that `node:crypto` knows them by. SHA-1 is none of them. */
export type TpmHash = "sha256" | "sha384" | "sha512";

export const HASH_OCTETS: Readonly<Record<TpmHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

const HASHES = new Map<number, TpmHash>([
  [ALGORITHM.sha256, "sha256"],
  [ALGORITHM.sha384, "sha384"],
  [ALGORITHM.sha512, "sha512"],
]);

/** @throws {TpmError} for any hash but SHA-2. */
export function hashOf(algorithm: number, what: string): TpmHash {
  const hash = HASHES.get(algorithm);
  if (hash === undefined)
    throw new TpmError(`${what}: the hash 0x${algorithm.toString(16)} is not SHA-256, 384 or 512`);
  return hash;
}
