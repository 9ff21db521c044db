import { createPrivateKey, type KeyObject } from "node:crypto";
import type { KeyAlgorithm } from "../domain/issuer.ts";

const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type:\s*4,\s*ENCRYPTED/m;
const MINIMUM_RSA_BITS = 2048;
const CURVES: readonly string[] = ["prime256v1", "secp384r1", "secp521r1"];

/** The algorithms that kubeadm and the components of a control plane take. */
export const CONTROL_PLANE_ALGORITHMS = [
  "rsa-2048",
  "rsa-3072",
  "rsa-4096",
  "ecdsa-p256",
  "ecdsa-p384",
] as const satisfies readonly KeyAlgorithm[];

export type ControlPlaneAlgorithm = (typeof CONTROL_PLANE_ALGORITHMS)[number];

/**
 * A private key in the form that kubeadm writes: PKCS#1 for RSA (RFC 8017, A.1.2), SEC1 for curves (RFC 5915).
 *
 * @throws {TypeError} for keys of other kinds, which control planes do not take.
 */
export function keyPemOf(key: KeyObject): string {
  if (key.asymmetricKeyType === "rsa") return key.export({ format: "pem", type: "pkcs1" }) as string;
  if (key.asymmetricKeyType === "ec") return key.export({ format: "pem", type: "sec1" }) as string;
  throw new TypeError(`control planes take RSA and ECDSA keys, not ${key.asymmetricKeyType}`);
}

/** A key that was found in a file, or what is wrong with it. */
export type KeyReading =
  | { readonly kind: "key"; readonly key: KeyObject }
  | { readonly kind: "unusable"; readonly problem: string };

/** Reads a private key that control planes take: RSA of 2048 bits or more, or ECDSA on a curve of NIST. */
export function readKeyPem(content: string): KeyReading {
  if (ENCRYPTED.test(content)) return unusable("is under a passphrase");
  let key: KeyObject;
  try {
    key = createPrivateKey(content);
  } catch {
    return unusable("is no private key in PEM, or damaged");
  }
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa" && modulusLength < MINIMUM_RSA_BITS)
    return unusable(`is an RSA key of ${modulusLength} bits, which is too weak`);
  const isKnown = key.asymmetricKeyType === "rsa" || (key.asymmetricKeyType === "ec" && CURVES.includes(namedCurve));
  return isKnown ? { kind: "key", key } : unusable("is neither an RSA nor an ECDSA key that Kubernetes takes");
}

function unusable(problem: string): KeyReading {
  return { kind: "unusable", problem };
}
