import type { KeyObject } from "node:crypto";
import { CustodyError } from "./custody-error.ts";

const MIN_RSA_BITS = 2048;
/** OpenSSL's names of the curves an issuer may have, and ours. */
const CURVES: ReadonlyMap<string | undefined, string> = new Map([
  ["prime256v1", "ecdsa-p256"],
  ["secp384r1", "ecdsa-p384"],
  ["secp521r1", "ecdsa-p521"],
]);

/**
 * Names a CA key, such as `ecdsa-p256`, `rsa-3072` or `ed25519`.
 *
 * @throws {CustodyError} KeyTooWeak for RSA under 2048 bits; UnsupportedKey for kinds and curves no certificate of ours
 *   may be signed with.
 */
export function describeKey(key: KeyObject, origin: string): string {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === "ed25519") return kind;
  if (kind === "rsa") return describeRsa(details?.modulusLength ?? 0, origin);
  const curve = kind === "ec" ? CURVES.get(details?.namedCurve) : undefined;
  if (curve !== undefined) return curve;
  const found = kind === "ec" ? `a curve other than these (${details?.namedCurve ?? "given by parameters"})` : kind;
  throw new CustodyError(
    "UnsupportedKey",
    `the key of ${origin} must be RSA, ECDSA on P-256, P-384 or P-521, or Ed25519; it is ${found}`,
  );
}

function describeRsa(bits: number, origin: string): string {
  if (bits >= MIN_RSA_BITS) return `rsa-${bits}`;
  throw new CustodyError(
    "KeyTooWeak",
    `the key of ${origin} is RSA with ${bits} bits; at least ${MIN_RSA_BITS} are needed`,
  );
}
