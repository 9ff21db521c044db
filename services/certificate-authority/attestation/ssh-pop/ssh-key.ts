import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { keyProblem } from "../../../shared/attestation/possession.ts";
import { SshFormatError, SshReader } from "./ssh-reader.ts";

/** By the name of the key type: of the curve in SSH and in JWK, the octets of a coordinate, the hash. Source: RFC 5656 section 6. */
const CURVES: Readonly<Record<string, { ssh: string; jwk: string; octets: number; hash: string }>> = {
  "ecdsa-sha2-nistp256": { ssh: "nistp256", jwk: "P-256", octets: 32, hash: "sha256" },
  "ecdsa-sha2-nistp384": { ssh: "nistp384", jwk: "P-384", octets: 48, hash: "sha384" },
  "ecdsa-sha2-nistp521": { ssh: "nistp521", jwk: "P-521", octets: 66, hash: "sha512" },
};
const ED25519 = "ssh-ed25519";
const RSA = "ssh-rsa";
/** `ssh-rsa` itself is RSA with SHA-1. Source: RFC 8332 section 3. */
const RSA_HASHES: Readonly<Record<string, string>> = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" };
const UNCOMPRESSED_POINT = 0x04;

/** Names of the key types below. */
const SSH_KEY_TYPES: readonly string[] = [ED25519, ...Object.keys(CURVES), RSA];

export interface SshKey {
  readonly type: string;
  readonly key: KeyObject;
}

/** @throws {SshFormatError} when it is no key of ours, or one that `keyProblem` speaks against. */
export function parseSshKey(blob: Buffer): SshKey {
  const reader = new SshReader(blob);
  const key = readSshKey(reader, reader.name("key type"));
  reader.expectEnd("key");
  return key;
}

/**
 * Reads what follows the type of a key: of a plain key, or in a certificate.
 *
 * @param type - of a plain key, e.g. `ssh-ed25519`.
 * @throws {SshFormatError}
 *
 * Source: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4.
 */
export function readSshKey(reader: SshReader, type: string): SshKey {
  const jwk = readJwk(reader, type);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: "jwk" });
  } catch (cause) {
    throw new SshFormatError("key: it is no public key", { cause });
  }
  const problem = type === ED25519 ? undefined : keyProblem(key);
  if (problem !== undefined) throw new SshFormatError(`key: ${problem}`);
  return { type, key };
}

function readJwk(reader: SshReader, type: string): JsonWebKey {
  if (type === ED25519) return { kty: "OKP", crv: "Ed25519", x: text(reader.string("public key")) };
  if (type === RSA) return { kty: "RSA", e: text(reader.positive("exponent")), n: text(reader.positive("modulus")) };
  const curve = Object.hasOwn(CURVES, type) ? CURVES[type] : undefined;
  if (curve === undefined)
    throw new SshFormatError(`key type: ${JSON.stringify(type)} is none of ${SSH_KEY_TYPES.join(", ")}`);
  if (reader.name("curve") !== curve.ssh) throw new SshFormatError("curve: not that of the key type");
  const point = reader.string("point");
  if (point.length !== 1 + 2 * curve.octets || point[0] !== UNCOMPRESSED_POINT)
    throw new SshFormatError("point: not uncompressed, or of another curve");
  const x = point.subarray(1, 1 + curve.octets);
  return { kty: "EC", crv: curve.jwk, x: text(x), y: text(point.subarray(1 + curve.octets)) };
}

function text(octets: Buffer): string {
  return octets.toString("base64url");
}

/**
 * Whether a key has signed a message.
 *
 * @param blob - the signature with the name of its algorithm.
 * @throws {SshFormatError} when it is laid out otherwise, or of an algorithm that the key does not have.
 *
 * Source: RFC 4253 section 6.6, RFC 5656 section 3.1.2, RFC 8332 section 3, RFC 8709 section 6.
 */
export function isSshSignature({ type, key }: SshKey, message: Buffer, blob: Buffer): boolean {
  const reader = new SshReader(blob);
  const algorithm = reader.name("signature algorithm");
  const content = reader.string("signature");
  reader.expectEnd("signature");
  if (type === RSA) {
    const hash = Object.hasOwn(RSA_HASHES, algorithm) ? RSA_HASHES[algorithm] : undefined;
    if (hash === undefined) throw new SshFormatError("signature algorithm: not rsa-sha2-256 or rsa-sha2-512");
    return verify(hash, message, key, content);
  }
  if (algorithm !== type) throw new SshFormatError("signature algorithm: not that of the key");
  const curve = CURVES[type];
  if (curve === undefined) return verify(null, message, key, content);
  return verify(curve.hash, message, { key, dsaEncoding: "ieee-p1363" }, numbersOf(content, curve.octets));
}

/** r and s, of the length of the curve's order each. */
function numbersOf(content: Buffer, octets: number): Buffer {
  const reader = new SshReader(content);
  const numbers = [reader.positive("r"), reader.positive("s")];
  reader.expectEnd("signature");
  if (numbers.some((number) => number.length > octets))
    throw new SshFormatError("signature: larger than the curve's order");
  return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(octets - number.length), number])));
}

/**
 * Reads public keys, a line each as in a `.pub` file; comment lines and empty ones are left out.
 *
 * @returns the keys' blobs.
 * @throws {Error} naming the line.
 */
export function parseSshKeyLines(bytes: Buffer): readonly Buffer[] {
  const keys: Buffer[] = [];
  for (const [index, line] of bytes.toString("utf8").split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [type = "", base64 = ""] = trimmed.split(/\s+/);
    const blob = Buffer.from(base64, "base64");
    try {
      if (parseSshKey(blob).type !== type) throw new SshFormatError("the key is of another type than the line says");
    } catch (cause) {
      const way = "a line is a public key as in a .pub file";
      throw new Error(`line ${index + 1}: ${(cause as Error).message}; ${way}`, { cause });
    }
    keys.push(blob);
  }
  if (keys.length === 0) throw new Error("it holds no public key");
  return keys;
}
