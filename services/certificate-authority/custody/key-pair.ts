import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import type { KeyAlgorithm } from "../domain/issuer.ts";
import type { RemoteKey } from "../domain/remote-key.ts";
import { describeKey } from "./key-strength.ts";

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

/** Keys for @peculiar/x509, with what a signature by them needs. */
export interface WebCryptoKeys {
  readonly keys: CryptoKeyPair;
  readonly signingAlgorithm: WebCryptoAlgorithm;
  /** The WebCrypto that signs with them. */
  readonly crypto: globalThis.Crypto;
}

export async function generateWebCryptoKeys(algorithm: KeyAlgorithm): Promise<WebCryptoKeys> {
  const signingAlgorithm = ALGORITHMS[algorithm];
  const keys = await webCrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  return { keys: keys as CryptoKeyPair, signingAlgorithm, crypto: webCrypto };
}

/**
 * A CA's key for @peculiar/x509.
 *
 * @param keyAlgorithm - as `describeKey` names it: also of imported CAs, whose keys may be of kinds that we do not make.
 */
export async function importWebCryptoKeys(
  privateKey: KeyObject | RemoteKey,
  keyAlgorithm: string,
): Promise<WebCryptoKeys> {
  if ("spkiDer" in privateKey) return remoteWebCryptoKeys(privateKey, keyAlgorithm);
  const signingAlgorithm = signingAlgorithmOf(keyAlgorithm);
  const { subtle } = webCrypto;
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const keys = {
    privateKey: await subtle.importKey("pkcs8", new Uint8Array(pkcs8), signingAlgorithm, true, ["sign"]),
    publicKey: await subtle.importKey("spki", new Uint8Array(spki), signingAlgorithm, true, ["verify"]),
  };
  return { keys, signingAlgorithm, crypto: webCrypto };
}

/** Keys whose private half signs where it is. */
export async function remoteWebCryptoKeys(key: RemoteKey, keyAlgorithm = describeRemote(key)): Promise<WebCryptoKeys> {
  const signingAlgorithm = signingAlgorithmOf(keyAlgorithm);
  const publicKey = await webCrypto.subtle.importKey("spki", new Uint8Array(key.spkiDer), signingAlgorithm, true, [
    "verify",
  ]);
  const { algorithm } = publicKey;
  const privateKey: CryptoKey = { type: "private", algorithm, extractable: false, usages: ["sign"] };
  return { keys: { privateKey, publicKey }, signingAlgorithm, crypto: remoteCrypto(key, digestOf(signingAlgorithm)) };
}

function describeRemote({ spkiDer }: RemoteKey): string {
  return describeKey(createPublicKey({ key: Buffer.from(spkiDer), format: "der", type: "spki" }), "the token");
}

function digestOf(algorithm: WebCryptoAlgorithm): Parameters<RemoteKey["sign"]>[0] {
  if (!("hash" in algorithm)) return null;
  const { hash } = algorithm;
  const name = typeof hash === "string" ? hash : hash.name;
  return DIGESTS[name] ?? null;
}

const DIGESTS: Readonly<Record<string, "sha256" | "sha384" | "sha512">> = {
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

/** All of our WebCrypto but for signing, which the key does by itself. */
function remoteCrypto(key: RemoteKey, digest: Parameters<RemoteKey["sign"]>[0]): globalThis.Crypto {
  const subtle = new Proxy(webCrypto.subtle, {
    get(target, name) {
      if (name === "sign") {
        return async (_algorithm: unknown, _key: unknown, data: BufferSource) =>
          Uint8Array.from(await key.sign(digest, octetsOf(data), "ieee-p1363")).buffer;
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return new Proxy(webCrypto, {
    get(target, name) {
      if (name === "subtle") return subtle;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function octetsOf(data: BufferSource): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
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
