import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { contentOf, type DerElement, DerError, DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier, readOctetAlignedBits, readPositiveInteger } from "../../shared/der/der-values.ts";
import type { Curve, PublicKeyKind } from "../domain/csr-facts.ts";
import type { MlDsaSet } from "../domain/ml-dsa.ts";
import { OID, toDotted } from "./object-identifiers.ts";
import { encodePem } from "./pem.ts";
import { findRsaDefects } from "./rsa-defects.ts";

const MIN_RSA_BITS = 1024;
/** OpenSSL refuses larger ones; verifying with them would take too long anyway. */
const MAX_RSA_BITS = 16_384;
const MAX_RSA_EXPONENT = 0x7fff_ffff;
const ED25519_OCTETS = 32;

/** Source: RFC 9881 section 2 for the identifiers; FIPS 204 table 2 for the sizes. */
const ML_DSA: ReadonlyMap<string, { readonly parameterSet: MlDsaSet; readonly octets: number }> = new Map([
  [OID.mlDsa44, { parameterSet: "ML-DSA-44", octets: 1312 }],
  [OID.mlDsa65, { parameterSet: "ML-DSA-65", octets: 1952 }],
  [OID.mlDsa87, { parameterSet: "ML-DSA-87", octets: 2592 }],
]);
const UNCOMPRESSED_POINT = 0x04;

const CURVES: ReadonlyMap<string, { readonly curve: Curve; readonly coordinateOctets: number }> = new Map([
  ["2b81040021", { curve: "P-224", coordinateOctets: 28 }],
  ["2a8648ce3d030107", { curve: "P-256", coordinateOctets: 32 }],
  ["2b81040022", { curve: "P-384", coordinateOctets: 48 }],
  ["2b81040023", { curve: "P-521", coordinateOctets: 66 }],
]);

/** Kinds of keys that are taken only where that was chosen. */
export interface KeyAcceptance {
  readonly acceptsMlDsa: boolean;
}

/**
 * Which key a SubjectPublicKeyInfo holds. Only its form is checked here: whether a point is on its curve is found when
 * the key is imported.
 *
 * @throws {DerError} for kinds, sizes and forms that Go refuses too, and for ML-DSA unless it is accepted.
 * Source: RFC 3279 section 2.3, RFC 5480, RFC 8410, RFC 9881 section 4; Go src/crypto/x509/parser.go (parsePublicKey).
 */
export function readPublicKey(spki: DerElement, { acceptsMlDsa }: KeyAcceptance): PublicKeyKind {
  const what = "public key";
  const reader = DerReader.over(spki.bytes.subarray(spki.start, spki.end)).enter(TAG.sequence, what);
  const algorithm = reader.enter(TAG.sequence, what);
  const type = readObjectIdentifier(algorithm, what);
  switch (type) {
    case OID.rsaEncryption: {
      if (contentOf(algorithm.read(TAG.null, "RSA parameters")).length > 0) throw new DerError(`${what}: malformed`);
      algorithm.expectEnd(what);
      return readRsaKey(readKeyBits(reader));
    }
    case OID.ecPublicKey: {
      const { curve, coordinateOctets } = readCurve(algorithm);
      const point = readKeyBits(reader);
      const isUncompressed = point[0] === UNCOMPRESSED_POINT && point.length === 1 + 2 * coordinateOctets;
      if (!isUncompressed) throw new DerError(`${what}: not an uncompressed point of ${curve}`);
      return { algorithm: "ECDSA", curve };
    }
    case OID.ed25519: {
      algorithm.expectEnd(what);
      if (readKeyBits(reader).length !== ED25519_OCTETS) throw new DerError(`${what}: Ed25519 key of wrong length`);
      return { algorithm: "Ed25519" };
    }
    default: {
      const found = acceptsMlDsa ? ML_DSA.get(type) : undefined;
      if (found === undefined) throw new DerError(`${what}: unsupported algorithm ${toDotted(type)}`);
      const { parameterSet, octets } = found;
      algorithm.expectEnd(what);
      if (readKeyBits(reader).length !== octets) throw new DerError(`${what}: ${parameterSet} key of wrong length`);
      return { algorithm: "ML-DSA", parameterSet };
    }
  }
}

/**
 * Imports a SubjectPublicKeyInfo whose form `readPublicKey` accepted.
 *
 * @throws {DerError} when it is no key after all, such as a point off its curve.
 */
export function importPublicKey(spkiDer: Uint8Array): KeyObject {
  const der = Buffer.from(spkiDer.buffer, spkiDer.byteOffset, spkiDer.byteLength);
  try {
    // As PEM on purpose. Node 24 finds out whether an object is a key by catching what it throws otherwise, four times:
    // measured for P-256, `{ key, format: "der" }` takes 36 µs, a JWK 39 µs, a raw point 40 µs and PEM text 15 µs.
    return createPublicKey(encodePem("PUBLIC KEY", der));
  } catch {
    throw new DerError("public key: not usable");
  }
}

function readKeyBits(reader: DerReader): Buffer {
  const bits = readOctetAlignedBits(reader, "public key");
  reader.expectEnd("public key");
  return bits;
}

function readCurve(algorithm: DerReader): { readonly curve: Curve; readonly coordinateOctets: number } {
  const name = readObjectIdentifier(algorithm, "elliptic curve");
  algorithm.expectEnd("elliptic curve");
  const curve = CURVES.get(name);
  if (curve === undefined) throw new DerError(`public key: unsupported elliptic curve ${toDotted(name)}`);
  return curve;
}

function readRsaKey(der: Buffer): PublicKeyKind {
  const outer = DerReader.over(der);
  const key = outer.enter(TAG.sequence, "RSA key");
  outer.expectEnd("RSA key");
  const modulus = readPositiveInteger(key, "RSA modulus");
  const exponent = readPositiveInteger(key, "RSA exponent");
  key.expectEnd("RSA key");
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < MIN_RSA_BITS) throw new DerError(`RSA key: ${bits} bits are fewer than ${MIN_RSA_BITS}`);
  if (bits > MAX_RSA_BITS) throw new DerError(`RSA key: ${bits} bits are more than ${MAX_RSA_BITS}`);
  if (((modulus.at(-1) ?? 0) & 1) === 0) throw new DerError("RSA key: modulus is even");
  const exponentValue = exponent.length > 4 ? Number.POSITIVE_INFINITY : exponent.readUIntBE(0, exponent.length);
  const isUsable = exponentValue > 2 && exponentValue <= MAX_RSA_EXPONENT && exponentValue % 2 === 1;
  if (!isUsable) throw new DerError("RSA key: exponent is out of range");
  const modulusHex = modulus.toString("hex");
  const defects = findRsaDefects(BigInt(`0x${modulusHex}`));
  const modulusSha1 = hash("sha1", `Modulus=${modulusHex.toUpperCase()}\n`);
  return { algorithm: "RSA", bits, exponent: exponentValue, defects, modulusSha1 };
}
