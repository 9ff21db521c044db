import { createPublicKey, type KeyObject } from "node:crypto";
import { ML_DSA_ALGORITHMS } from "../domain/issuer.ts";
import { CustodyError } from "./custody-error.ts";

const MIN_RSA_BITS = 2048;
/**
 * OpenSSL's names of the curves an issuer may have, ours, and how many octets the public key (SPKI) has when the curve is
 * named and the point uncompressed: the one form that Go's parsers, and so every kubelet, read.
 */
const CURVES: ReadonlyMap<string | undefined, { readonly name: string; readonly spkiLength: number }> = new Map([
  ["prime256v1", { name: "ecdsa-p256", spkiLength: 91 }],
  ["secp384r1", { name: "ecdsa-p384", spkiLength: 120 }],
  ["secp521r1", { name: "ecdsa-p521", spkiLength: 158 }],
]);

/**
 * Names a CA key, such as `ecdsa-p256`, `rsa-3072`, `ed25519` or `ml-dsa-65`.
 *
 * @throws {CustodyError} KeyTooWeak for RSA under 2048 bits; UnsupportedKey for kinds and curves no certificate of ours
 *   may be signed with.
 */
export function describeKey(key: KeyObject, origin: string): string {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === "ed25519") return kind;
  const mlDsa = ML_DSA_ALGORITHMS.find((algorithm) => algorithm === (kind as string | undefined));
  if (mlDsa !== undefined) return mlDsa;
  if (kind === "rsa") return describeRsa(details?.modulusLength ?? 0, origin);
  if (kind === "ec") return describeCurve(key, details?.namedCurve, origin);
  throw unsupported(origin, `${kind}`);
}

function describeCurve(key: KeyObject, namedCurve: string | undefined, origin: string): string {
  const curve = CURVES.get(namedCurve);
  if (curve === undefined) throw unsupported(origin, `on the curve ${namedCurve}`);
  const { length } = publicHalf(key).export({ format: "der", type: "spki" });
  if (length === curve.spkiLength) return curve.name;
  throw unsupported(origin, "encoded with curve parameters or a compressed point, which Kubernetes cannot read");
}

/** @param key - private or public. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === "public" ? key : createPublicKey(key);
}

function unsupported(origin: string, found: string): CustodyError {
  return new CustodyError(
    "UnsupportedKey",
    `the key of ${origin} must be RSA, ECDSA on P-256, P-384 or P-521, Ed25519 or ML-DSA; it is ${found}`,
  );
}

function describeRsa(bits: number, origin: string): string {
  if (bits >= MIN_RSA_BITS) return `rsa-${bits}`;
  throw new CustodyError(
    "KeyTooWeak",
    `the key of ${origin} is RSA with ${bits} bits; at least ${MIN_RSA_BITS} are needed`,
  );
}
