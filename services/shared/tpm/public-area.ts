import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { ALGORITHM, HASH_OCTETS, hashOf, type TpmHash } from "./algorithms.ts";
import { contentOfSized, TpmError, TpmReader } from "./tpm-reader.ts";
import { sized, uint16, uint32 } from "./tpm-writer.ts";

/** Bits of TPMA_OBJECT. Source: TPM 2.0 Library specification, part 2, section 8.3. */
export const ATTRIBUTE = {
  fixedTPM: 1 << 1,
  stClear: 1 << 2,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
  x509sign: 1 << 19,
} as const;

/** The largest TPMT_PUBLIC: RSA 4096 with a policy. */
const MAXIMUM_OCTETS = 1024;
const RSA_BITS: readonly number[] = [2048, 3072, 4096];
const AES_BITS: readonly number[] = [128, 192, 256];
const DEFAULT_EXPONENT = 65537;

/** TPM_ECC_CURVE to what `node:crypto` calls it. */
const CURVES = new Map<number, { readonly name: TpmCurve; readonly octets: number }>([
  [0x0003, { name: "P-256", octets: 32 }],
  [0x0004, { name: "P-384", octets: 48 }],
  [0x0005, { name: "P-521", octets: 66 }],
]);

export type TpmCurve = "P-256" | "P-384" | "P-521";

export interface SigningScheme {
  readonly name: "rsassa" | "rsapss" | "ecdsa";
  readonly hash: TpmHash;
}

export type UniqueKey =
  | { readonly type: "rsa"; readonly bits: number; readonly modulus: Buffer }
  | { readonly type: "ecc"; readonly curve: TpmCurve; readonly x: Buffer; readonly y: Buffer };

/** A public area (TPMT_PUBLIC) of an RSA or ECC key: a key with what its TPM lets it be used for. Also a template of one. */
export interface PublicArea {
  readonly nameAlg: TpmHash;
  /** TPMA_OBJECT; see `ATTRIBUTE`. */
  readonly attributes: number;
  readonly authPolicy: Buffer;
  /** Bits of AES-CFB that a storage key protects with; undefined for keys that protect nothing. */
  readonly aesBits: number | undefined;
  readonly scheme: SigningScheme | undefined;
  readonly key: UniqueKey;
}

/**
 * Reads a TPM2B_PUBLIC.
 *
 * @throws {TpmError} when it is anything but an RSA (2048, 3072, 4096; exponent 65537) or NIST curve key under SHA-2, with
 * AES-CFB or nothing, and with one of the signing schemes or none.
 *
 * Source: TPM 2.0 Library specification, part 2, sections 12.2.3 and 12.2.4.
 */
export function parsePublic(tpm2bPublic: Uint8Array): PublicArea {
  const reader = new TpmReader(contentOfSized(tpm2bPublic, MAXIMUM_OCTETS, "TPM2B_PUBLIC"));
  const type = reader.readUint16("type");
  if (type !== ALGORITHM.rsa && type !== ALGORITHM.ecc)
    throw new TpmError(`type: 0x${type.toString(16)} is neither RSA nor ECC`);
  const nameAlg = hashOf(reader.readUint16("nameAlg"), "nameAlg");
  const attributes = reader.readUint32("objectAttributes");
  const authPolicy = reader.readSized(HASH_OCTETS.sha512, "authPolicy");
  if (authPolicy.length !== 0 && authPolicy.length !== HASH_OCTETS[nameAlg])
    throw new TpmError("authPolicy: not a digest of nameAlg");
  const aesBits = readSymmetric(reader);
  const scheme = readScheme(reader, type);
  const key = type === ALGORITHM.rsa ? readRsa(reader) : readEcc(reader);
  reader.expectEnd("TPMT_PUBLIC");
  return { nameAlg, attributes, authPolicy, aesBits, scheme, key };
}

function readSymmetric(reader: TpmReader): number | undefined {
  const algorithm = reader.readUint16("symmetric");
  if (algorithm === ALGORITHM.null) return undefined;
  if (algorithm !== ALGORITHM.aes) throw new TpmError("symmetric: neither AES nor nothing");
  const bits = reader.readUint16("symmetric");
  if (!AES_BITS.includes(bits)) throw new TpmError(`symmetric: AES has no keys of ${bits} bits`);
  if (reader.readUint16("symmetric") !== ALGORITHM.cfb) throw new TpmError("symmetric: the mode is not CFB");
  return bits;
}

function readScheme(reader: TpmReader, type: number): SigningScheme | undefined {
  const algorithm = reader.readUint16("scheme");
  if (algorithm === ALGORITHM.null) return undefined;
  const name = schemeNameOf(algorithm);
  if ((name === "ecdsa") !== (type === ALGORITHM.ecc)) throw new TpmError("scheme: not one of this kind of key");
  return { name, hash: hashOf(reader.readUint16("scheme"), "scheme") };
}

/** @throws {TpmError} */
export function schemeNameOf(algorithm: number): SigningScheme["name"] {
  if (algorithm === ALGORITHM.rsassa) return "rsassa";
  if (algorithm === ALGORITHM.rsapss) return "rsapss";
  if (algorithm === ALGORITHM.ecdsa) return "ecdsa";
  throw new TpmError(`scheme: 0x${algorithm.toString(16)} is not RSASSA, RSAPSS or ECDSA`);
}

function readRsa(reader: TpmReader): UniqueKey {
  const bits = reader.readUint16("keyBits");
  if (!RSA_BITS.includes(bits)) throw new TpmError(`keyBits: ${bits} is not 2048, 3072 or 4096`);
  const exponent = reader.readUint32("exponent");
  if (exponent !== 0 && exponent !== DEFAULT_EXPONENT) throw new TpmError(`exponent: ${exponent} is not the default`);
  return { type: "rsa", bits, modulus: reader.readSized(bits / 8, "modulus") };
}

function readEcc(reader: TpmReader): UniqueKey {
  const identifier = reader.readUint16("curveID");
  const curve = CURVES.get(identifier);
  if (curve === undefined) throw new TpmError(`curveID: 0x${identifier.toString(16)} is not P-256, P-384 or P-521`);
  if (reader.readUint16("kdf") !== ALGORITHM.null) throw new TpmError("kdf: not empty");
  const x = reader.readSized(curve.octets, "x");
  return { type: "ecc", curve: curve.name, x, y: reader.readSized(curve.octets, "y") };
}

/** The TPM2B_PUBLIC that `parsePublic` reads. */
export function encodePublic(area: PublicArea): Buffer {
  return sized(encodeArea(area));
}

function encodeArea({ nameAlg, attributes, authPolicy, aesBits, scheme, key }: PublicArea): Buffer {
  const nothing = uint16(ALGORITHM.null);
  const parameters = [
    aesBits === undefined ? nothing : Buffer.concat([ALGORITHM.aes, aesBits, ALGORITHM.cfb].map(uint16)),
    scheme === undefined ? nothing : Buffer.concat([ALGORITHM[scheme.name], ALGORITHM[scheme.hash]].map(uint16)),
  ];
  if (key.type === "rsa") parameters.push(uint16(key.bits), uint32(0), sized(key.modulus));
  else parameters.push(uint16(curveId(key.curve)), nothing, sized(key.x), sized(key.y));
  const type = [uint16(ALGORITHM[key.type]), uint16(ALGORITHM[nameAlg])];
  return Buffer.concat([...type, uint32(attributes), sized(authPolicy), ...parameters]);
}

function curveId(name: TpmCurve): number {
  for (const [identifier, curve] of CURVES) if (curve.name === name) return identifier;
  throw new TpmError(`there is no curve ${name}`);
}

/** Octets of a coordinate of the curve. */
export function coordinateOctets(name: TpmCurve): number {
  return CURVES.get(curveId(name))?.octets ?? 0;
}

/**
 * The name a TPM gives this object: the identifier of nameAlg, then the digest of the public area.
 *
 * @param tpm2bPublic - as `parsePublic` accepts it.
 *
 * Source: TPM 2.0 Library specification, part 1, section 16.
 */
export function nameOf(tpm2bPublic: Uint8Array): Buffer {
  const { nameAlg } = parsePublic(tpm2bPublic);
  const area = contentOfSized(tpm2bPublic, MAXIMUM_OCTETS, "TPM2B_PUBLIC");
  return Buffer.concat([uint16(ALGORITHM[nameAlg]), createHash(nameAlg).update(area).digest()]);
}

/** @throws {TpmError} when the key is none: a modulus of another length, a point that is not on its curve. */
export function keyOf({ key }: PublicArea): KeyObject {
  try {
    return createPublicKey({ key: jwkOf(key), format: "jwk" });
  } catch (error) {
    throw new TpmError(`unique: ${(error as Error).message}`, { cause: error });
  }
}

function jwkOf(key: UniqueKey): Record<string, string> {
  if (key.type === "rsa") {
    if (key.modulus.length !== key.bits / 8 || (key.modulus[0] ?? 0) < 0x80)
      throw new TpmError("the modulus has not as many bits as the key");
    return { kty: "RSA", n: key.modulus.toString("base64url"), e: "AQAB" };
  }
  const octets = coordinateOctets(key.curve);
  const [x, y] = [key.x, key.y].map((coordinate) => padded(coordinate, octets).toString("base64url"));
  return { kty: "EC", crv: key.curve, x: x ?? "", y: y ?? "" };
}

/** With zeros in front: some TPMs leave them away. */
export function padded(number: Uint8Array, octets: number): Buffer {
  return Buffer.concat([Buffer.alloc(octets - number.length), number]);
}

/** What a machine is called by its endorsement key: `tpm2:` and the SHA-256 of its SubjectPublicKeyInfo in hex. */
export function machineIdOf(endorsementKey: KeyObject): string {
  const spki = endorsementKey.export({ type: "spki", format: "der" });
  return `tpm2:${createHash("sha256").update(spki).digest("hex")}`;
}
