import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { MlDsaAlgorithm } from "../../services/certificate-authority/domain/issuer.ts";
import { element, oid, sequence, TAG } from "./der.ts";

export type TestKeyAlgorithm =
  | "ecdsa-p224"
  | "ecdsa-p256"
  | "ecdsa-p384"
  | "ecdsa-p521"
  | "rsa-1024"
  | "rsa-2048"
  | "rsa-3072"
  | "rsa-4096"
  | "ed25519"
  | MlDsaAlgorithm;

const CURVES = {
  "ecdsa-p224": "secp224r1",
  "ecdsa-p256": "prime256v1",
  "ecdsa-p384": "secp384r1",
  "ecdsa-p521": "secp521r1",
} as const;

/** A new key pair; nothing is cached, so that tests with several keys have several keys. */
export function generateKey(algorithm: TestKeyAlgorithm): {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
} {
  if (algorithm === "ed25519") return generateKeyPairSync("ed25519");
  // Node's types do not know these kinds of keys yet.
  if (algorithm.startsWith("ml-dsa-")) return generateKeyPairSync(algorithm as "ed25519");
  if (algorithm.startsWith("rsa-")) return generateKeyPairSync("rsa", { modulusLength: Number(algorithm.slice(4)) });
  return generateKeyPairSync("ec", { namedCurve: CURVES[algorithm as keyof typeof CURVES] });
}

/** Source: RFC 9881 section 2. */
const ML_DSA_OIDS: ReadonlyMap<string, string> = new Map([
  ["ml-dsa-44", "2.16.840.1.101.3.4.3.17"],
  ["ml-dsa-65", "2.16.840.1.101.3.4.3.18"],
  ["ml-dsa-87", "2.16.840.1.101.3.4.3.19"],
]);

/** What Go and openssl sign with by default for a key: the AlgorithmIdentifier and the digest node:crypto wants. */
export interface DefaultSignature {
  readonly algorithmDer: Buffer;
  readonly digest: string | null;
}

export function defaultSignature(privateKey: KeyObject): DefaultSignature {
  const type: string = privateKey.asymmetricKeyType ?? "";
  const mlDsa = ML_DSA_OIDS.get(type);
  if (mlDsa !== undefined) return { algorithmDer: sequence(oid(mlDsa)), digest: null };
  if (type === "ed25519") return { algorithmDer: sequence(oid("1.3.101.112")), digest: null };
  if (type === "rsa") {
    return { algorithmDer: sequence(oid("1.2.840.113549.1.1.11"), element(TAG.null)), digest: "sha256" };
  }
  const curve = privateKey.asymmetricKeyDetails?.namedCurve;
  if (curve === "secp384r1") return { algorithmDer: sequence(oid("1.2.840.10045.4.3.3")), digest: "sha384" };
  if (curve === "secp521r1") return { algorithmDer: sequence(oid("1.2.840.10045.4.3.4")), digest: "sha512" };
  return { algorithmDer: sequence(oid("1.2.840.10045.4.3.2")), digest: "sha256" };
}

export function signWithDefault(privateKey: KeyObject, message: Uint8Array): Buffer {
  return sign(defaultSignature(privateKey).digest, message, privateKey);
}
