import { createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import type { MlDsaAlgorithm } from "../domain/issuer.ts";

/** A SubjectPublicKeyInfo of ML-DSA-44, up to its key: any 1312 octets are one. Source: RFC 9881 section 4, FIPS 204. */
const SPKI_PREFIX = Buffer.from("30820532300b06096086480165030403110382052100", "hex");
const PUBLIC_KEY_OCTETS = 1312;
/** The part of ML-DSA's object identifiers that is the same, DER. */
const IDENTIFIER = Buffer.from("06096086480165030403", "hex");
const LAST_ARCS = [0x11, 0x12, 0x13];

/** For errors: what would make them go away. */
export const ML_DSA_NEEDS = "ML-DSA needs Node.js 24.6 or later with OpenSSL 3.5 or later";

/** Whether the cryptography that this process runs on has ML-DSA. */
export function knowsMlDsa(): boolean {
  try {
    const key = Buffer.concat([SPKI_PREFIX, Buffer.alloc(PUBLIC_KEY_OCTETS)]);
    createPublicKey({ key, format: "der", type: "spki" });
    return true;
  } catch {
    return false;
  }
}

/** Whether ML-DSA is mentioned in DER of a key or certificate, which may be why a runtime cannot read it. */
export function mentionsMlDsa(der: Uint8Array): boolean {
  const octets = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const at = octets.indexOf(IDENTIFIER);
  return at >= 0 && LAST_ARCS.includes(octets[at + IDENTIFIER.length] ?? 0);
}

type GenerateMlDsa = (
  algorithm: MlDsaAlgorithm,
  options: object,
  done: (error: Error | null, publicKey: KeyObject, privateKey: KeyObject) => void,
) => void;

/** Makes a key off the main thread. @returns the private key, which holds the public one. */
export function generateMlDsaKey(algorithm: MlDsaAlgorithm): Promise<KeyObject> {
  // Node's types do not know these kinds of keys yet.
  const generate = generateKeyPair as unknown as GenerateMlDsa;
  return new Promise((resolve, reject) => {
    generate(algorithm, {}, (error, _publicKey, privateKey) => {
      if (error === null || error === undefined) resolve(privateKey);
      else reject(error);
    });
  });
}
