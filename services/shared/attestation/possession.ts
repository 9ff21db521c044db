import { constants, createHash, type KeyObject, type SigningOptions, sign, verify } from "node:crypto";

/** Whose key signs: messages of one use are never messages of the other. */
export type PossessionUse = "bootstrap-key" | "x509pop" | "kubelet-key";

const CURVE_HASHES: Readonly<Record<string, string>> = {
  prime256v1: "sha256",
  secp384r1: "sha384",
  secp521r1: "sha512",
};
const MINIMUM_RSA_BITS = 2048;
const MAXIMUM_RSA_BITS = 4096;
/** With 1 anybody can sign; large ones make verifying as dear as signing. */
const MINIMUM_RSA_EXPONENT = 3n;
const MAXIMUM_RSA_EXPONENT = 2n ** 32n;

/** What speaks against a key that is to prove something, in words; undefined when nothing does. */
export function keyProblem(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ec" && CURVE_HASHES[details?.namedCurve ?? ""] !== undefined) return undefined;
  if (type === "ec") return `its curve ${details?.namedCurve ?? ""} is not P-256, P-384 or P-521`;
  if (type !== "rsa") return `a key of type ${type ?? "unknown"} is neither RSA nor ECDSA`;
  const bits = details?.modulusLength ?? 0;
  if (bits < MINIMUM_RSA_BITS || bits > MAXIMUM_RSA_BITS)
    return `an RSA key has ${MINIMUM_RSA_BITS} to ${MAXIMUM_RSA_BITS} bits, not ${bits}`;
  const exponent = details?.publicExponent ?? 0n;
  if (exponent < MINIMUM_RSA_EXPONENT || exponent > MAXIMUM_RSA_EXPONENT)
    return "the exponent of an RSA key is between 3 and 2^32";
  return undefined;
}

/**
 * Signs that the holder of the key takes part in this attestation: ECDSA with the curve's hash, as r and s of equal length
 * (IEEE P1363), or RSASSA-PSS with SHA-256 and a salt of 32 octets.
 *
 * @param key - private, without a `keyProblem`.
 */
export function signPossession(key: KeyObject, use: PossessionUse, bind: Uint8Array): Buffer {
  const { hash, options } = methodOf(key);
  return sign(hash, messageOf(use, bind), { key, ...options });
}

/** Whether `signPossession` with this key made the signature. False for keys with a `keyProblem`. */
export function isPossessed(key: KeyObject, use: PossessionUse, bind: Uint8Array, signature: Uint8Array): boolean {
  if (keyProblem(key) !== undefined) return false;
  const { hash, options } = methodOf(key);
  return verify(hash, messageOf(use, bind), { key, ...options }, signature);
}

/** HMAC key of a join token: the secret itself never travels. */
export function joinTokenKey(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function methodOf(key: KeyObject): { readonly hash: string; readonly options: SigningOptions } {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  if (asymmetricKeyType === "ec") {
    const hash = CURVE_HASHES[asymmetricKeyDetails?.namedCurve ?? ""] ?? "sha256";
    return { hash, options: { dsaEncoding: "ieee-p1363" } };
  }
  return { hash: "sha256", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } };
}

function messageOf(use: PossessionUse, bind: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`node-attest/v1/${use}\0`), bind]);
}
