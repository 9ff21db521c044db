import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import type { KeyAlgorithm } from "../domain/issuer.ts";

/** The one WebCrypto of this room. Its keys and Node's do not mix: they cross as PKCS#8 and SPKI octets only. */
export const webCrypto = new Crypto();

type WebCryptoAlgorithm = (EcKeyGenParams & EcdsaParams) | RsaHashedKeyGenParams | { readonly name: "Ed25519" };

const rsa = (modulusLength: number): RsaHashedKeyGenParams => ({
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
});

const ALGORITHMS: Readonly<Record<KeyAlgorithm, WebCryptoAlgorithm>> = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "ecdsa-p384": { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  "rsa-2048": rsa(2048),
  "rsa-3072": rsa(3072),
  "rsa-4096": rsa(4096),
  ed25519: { name: "Ed25519" },
};

/** A private key and its public half, in the encodings that leave this room. */
interface KeyPair {
  /** SubjectPublicKeyInfo, DER. */
  readonly spkiDer: Buffer;
  /** Lower-case hex SHA-256 of `spkiDer`. */
  readonly spkiSha256: string;
  /** PKCS#8, DER. */
  pkcs8Der(): Buffer;
  /** PKCS#8 in one PEM `PRIVATE KEY` block. */
  pkcs8Pem(): string;
}

/** Makes a new key pair that is kept in memory only; the work is done off the main thread. */
export async function generateKeyPair(algorithm: KeyAlgorithm): Promise<KeyPair> {
  const { keys } = await generateWebCryptoKeys(algorithm);
  const privateKey = createPrivateKey({ key: await exportPrivateKey(keys.privateKey), format: "der", type: "pkcs8" });
  const spkiDer = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    spkiDer,
    spkiSha256: createHash("sha256").update(spkiDer).digest("hex"),
    pkcs8Der: () => privateKey.export({ format: "der", type: "pkcs8" }),
    pkcs8Pem: () => privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  };
}

/** Keys for @peculiar/x509, with the parameters a signature by them needs. */
export async function generateWebCryptoKeys(
  algorithm: KeyAlgorithm,
): Promise<{ readonly keys: CryptoKeyPair; readonly signingAlgorithm: WebCryptoAlgorithm }> {
  const signingAlgorithm = ALGORITHMS[algorithm];
  const keys = await webCrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  return { keys: keys as CryptoKeyPair, signingAlgorithm };
}

/**
 * A CA's key for @peculiar/x509.
 *
 * @param keyAlgorithm - as `describeKey` names it: also of imported CAs, whose keys may be of kinds that we do not make.
 */
export async function importWebCryptoKeys(
  privateKey: KeyObject,
  keyAlgorithm: string,
): Promise<{ readonly keys: CryptoKeyPair; readonly signingAlgorithm: WebCryptoAlgorithm }> {
  const signingAlgorithm = signingAlgorithmOf(keyAlgorithm);
  const { subtle } = webCrypto;
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const keys = {
    privateKey: await subtle.importKey("pkcs8", new Uint8Array(pkcs8), signingAlgorithm, true, ["sign"]),
    publicKey: await subtle.importKey("spki", new Uint8Array(spki), signingAlgorithm, true, ["verify"]),
  };
  return { keys, signingAlgorithm };
}

function signingAlgorithmOf(keyAlgorithm: string): WebCryptoAlgorithm {
  if (keyAlgorithm in ALGORITHMS) return ALGORITHMS[keyAlgorithm as KeyAlgorithm];
  if (keyAlgorithm === "ecdsa-p521") return { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" };
  return rsa(Number(keyAlgorithm.slice("rsa-".length)));
}

/** @returns PKCS#8, DER. */
export async function exportPrivateKey(key: CryptoKey): Promise<Buffer> {
  return Buffer.from(await webCrypto.subtle.exportKey("pkcs8", key));
}
