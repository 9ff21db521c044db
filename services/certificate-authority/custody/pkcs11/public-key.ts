import { createPublicKey, type JsonWebKey } from "node:crypto";
import { CURVES } from "./key-templates.ts";
import { TokenFailure } from "./token-failure.ts";

/** Some tokens name the curve by a PrintableString instead of its object identifier. */
const EDWARDS_BY_NAME = Buffer.from("130c656477617264733235353139", "hex");
const OCTET_STRING = 0x04;

/**
 * @param modulus - big-endian, as is the exponent.
 * @returns SubjectPublicKeyInfo, DER.
 */
export function rsaSpki(modulus: Buffer, publicExponent: Buffer): Buffer {
  return spkiOf({
    kty: "RSA",
    n: withoutZeros(modulus).toString("base64url"),
    e: withoutZeros(publicExponent).toString("base64url"),
  });
}

/**
 * @param parameters - CKA_EC_PARAMS.
 * @param point - CKA_EC_POINT: an OCTET STRING, or, from modules that predate PKCS #11 2.20, what should be in it.
 * @returns SubjectPublicKeyInfo, DER.
 * @throws {TokenFailure} refused for curves that no CA of ours may be on.
 */
export function curveSpki(parameters: Buffer, point: Buffer): Buffer {
  if (CURVES.Ed25519.equals(parameters) || EDWARDS_BY_NAME.equals(parameters)) {
    return spkiOf({ kty: "OKP", crv: "Ed25519", x: pointOf(point, 32).toString("base64url") });
  }
  const found = Object.entries({ "P-256": 32, "P-384": 48, "P-521": 66 }).find(([curve]) =>
    CURVES[curve as keyof typeof CURVES].equals(parameters),
  );
  if (found === undefined)
    throw new TokenFailure("refused", "the key is on a curve other than P-256, P-384, P-521 and Ed25519");
  const [crv, length] = found;
  const coordinates = pointOf(point, 1 + 2 * length).subarray(1);
  const [x, y] = [coordinates.subarray(0, length), coordinates.subarray(length)];
  return spkiOf({ kty: "EC", crv, x: x.toString("base64url"), y: y.toString("base64url") });
}

function pointOf(value: Buffer, length: number): Buffer {
  if (value.length === length) return value;
  const point = value.subarray(value.length - length);
  const header = value.subarray(0, -length);
  const isWrapped =
    header[0] === OCTET_STRING && header.at(-1) === length && (header.length === 2 || header[1] === 0x81);
  if (isWrapped) return point;
  throw new TokenFailure("refused", "the key's public point is not as PKCS #11 has it");
}

function withoutZeros(number: Buffer): Buffer {
  const start = number.findIndex((octet) => octet !== 0);
  return start < 0 ? number : number.subarray(start);
}

function spkiOf(key: JsonWebKey): Buffer {
  try {
    return createPublicKey({ key, format: "jwk" }).export({ format: "der", type: "spki" });
  } catch (cause) {
    throw new TokenFailure("refused", "the key's public half is no valid key", { cause });
  }
}
