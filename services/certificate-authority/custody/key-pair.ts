import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { Crypto } from "@peculiar/webcrypto";
import { type ClassicalAlgorithm, type KeyAlgorithm, ML_DSA_ALGORITHMS } from "../domain/issuer.ts";
import { type MlDsaSet, mlDsaSetOf } from "../domain/ml-dsa.ts";
import type { RemoteKey } from "../domain/remote-key.ts";
import { describeKey } from "./key-strength.ts";
import { generateMlDsaKey } from "./ml-dsa-runtime.ts";

/** The one WebCrypto of this room. Its keys and Node's do not mix: they cross as PKCS#8 and SPKI octets only. */
const webCrypto = new Crypto();

type WebCryptoAlgorithm =
  | (EcKeyGenParams & EcdsaParams)
  | RsaHashedKeyGenParams
  | { readonly name: "Ed25519" | MlDsaSet };

const rsa = (modulusLength: number): RsaHashedKeyGenParams => ({
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
});

const ALGORITHMS: Readonly<Record<ClassicalAlgorithm, WebCryptoAlgorithm>> = {
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
  const { pkcs8Der } = await generateWebCryptoKeys(algorithm);
  const privateKey = createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" });
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
  /** The public half as SubjectPublicKeyInfo, which needs no WebCrypto to be read. */
  readonly spkiDer: Uint8Array<ArrayBuffer>;
  readonly signingAlgorithm: WebCryptoAlgorithm;
  /** The WebCrypto that signs with them. */
  readonly crypto: globalThis.Crypto;
}

/** Keys that were just made. */
export interface MadeKeys extends WebCryptoKeys {
  /** PKCS#8, DER. */
  readonly pkcs8Der: Buffer;
}

export async function generateWebCryptoKeys(algorithm: KeyAlgorithm): Promise<MadeKeys> {
  const mlDsa = ML_DSA_ALGORITHMS.find((one) => one === algorithm);
  if (mlDsa !== undefined) {
    const privateKey = await generateMlDsaKey(mlDsa);
    const pkcs8Der = privateKey.export({ format: "der", type: "pkcs8" });
    return { ...(await importWebCryptoKeys(privateKey, mlDsa)), pkcs8Der };
  }
  const signingAlgorithm = signingAlgorithmOf(algorithm);
  const { subtle } = webCrypto;
  const keys = (await subtle.generateKey(signingAlgorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const pkcs8Der = Buffer.from(await subtle.exportKey("pkcs8", keys.privateKey));
  const spkiDer = new Uint8Array(await subtle.exportKey("spki", keys.publicKey));
  return { keys, spkiDer, signingAlgorithm, crypto: webCrypto, pkcs8Der };
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
  const spkiDer = new Uint8Array(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
  const parameterSet = mlDsaSetOf(keyAlgorithm);
  if (parameterSet !== undefined) return mlDsaKeys(privateKey, spkiDer, parameterSet);
  const signingAlgorithm = signingAlgorithmOf(keyAlgorithm);
  const { subtle } = webCrypto;
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const keys = {
    privateKey: await subtle.importKey("pkcs8", new Uint8Array(pkcs8), signingAlgorithm, true, ["sign"]),
    publicKey: await subtle.importKey("spki", spkiDer, signingAlgorithm, true, ["verify"]),
  };
  return { keys, spkiDer, signingAlgorithm, crypto: webCrypto };
}

/** Our WebCrypto does not know these keys, so Node signs with them. */
function mlDsaKeys(privateKey: KeyObject, spkiDer: Uint8Array<ArrayBuffer>, name: MlDsaSet): WebCryptoKeys {
  const algorithm = { name };
  const keys: CryptoKeyPair = {
    privateKey: { type: "private", algorithm, extractable: false, usages: ["sign"] },
    publicKey: { type: "public", algorithm, extractable: true, usages: ["verify"] },
  };
  const crypto = cryptoOf(spkiDer, async (data) => sign(null, data, privateKey));
  return { keys, spkiDer, signingAlgorithm: algorithm, crypto };
}

/** Keys whose private half signs where it is. */
export async function remoteWebCryptoKeys(key: RemoteKey, keyAlgorithm = describeRemote(key)): Promise<WebCryptoKeys> {
  const signingAlgorithm = signingAlgorithmOf(keyAlgorithm);
  const spkiDer = new Uint8Array(key.spkiDer);
  const publicKey = await webCrypto.subtle.importKey("spki", spkiDer, signingAlgorithm, true, ["verify"]);
  const { algorithm } = publicKey;
  const privateKey: CryptoKey = { type: "private", algorithm, extractable: false, usages: ["sign"] };
  const digest = digestOf(signingAlgorithm);
  const crypto = cryptoOf(spkiDer, (data) => key.sign(digest, data, "ieee-p1363"));
  return { keys: { privateKey, publicKey }, spkiDer, signingAlgorithm, crypto };
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

/** All of our WebCrypto but for what is done with the keys, which it does not have. */
function cryptoOf(
  spkiDer: Uint8Array<ArrayBuffer>,
  signWithKey: (data: Uint8Array) => Promise<Uint8Array>,
): globalThis.Crypto {
  const subtle = new Proxy(webCrypto.subtle, {
    get(target, name) {
      if (name === "sign") {
        return async (_algorithm: unknown, _key: unknown, data: BufferSource) =>
          Uint8Array.from(await signWithKey(octetsOf(data))).buffer;
      }
      if (name === "exportKey") return async () => Uint8Array.from(spkiDer).buffer;
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
  if (keyAlgorithm in ALGORITHMS) return ALGORITHMS[keyAlgorithm as ClassicalAlgorithm];
  if (keyAlgorithm === "ecdsa-p521") return { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" };
  return rsa(Number(keyAlgorithm.slice("rsa-".length)));
}
