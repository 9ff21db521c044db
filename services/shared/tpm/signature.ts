import { constants, verify } from "node:crypto";
import { ALGORITHM, hashOf } from "./algorithms.ts";
import { coordinateOctets, keyOf, type PublicArea, padded, type SigningScheme, schemeNameOf } from "./public-area.ts";
import { TpmError, TpmReader } from "./tpm-reader.ts";

const MAXIMUM_RSA_OCTETS = 512;
const MAXIMUM_COORDINATE_OCTETS = 66;

interface TpmSignature extends SigningScheme {
  /** One octet string of RSA; r and s of ECDSA. */
  readonly parts: readonly Buffer[];
}

/**
 * Reads a TPMT_SIGNATURE: RSASSA, RSAPSS or ECDSA over SHA-2.
 *
 * @throws {TpmError} Source: TPM 2.0 Library specification, part 2, section 11.3.4.
 */
function parseSignature(signature: Uint8Array): TpmSignature {
  const reader = new TpmReader(signature);
  const algorithm = reader.readUint16("sigAlg");
  const name = schemeNameOf(algorithm);
  const hash = hashOf(reader.readUint16("hash"), "hash");
  const parts =
    algorithm === ALGORITHM.ecdsa
      ? [reader.readSized(MAXIMUM_COORDINATE_OCTETS, "r"), reader.readSized(MAXIMUM_COORDINATE_OCTETS, "s")]
      : [reader.readSized(MAXIMUM_RSA_OCTETS, "sig")];
  reader.expectEnd("TPMT_SIGNATURE");
  return { name, hash, parts };
}

/**
 * Whether the key of this public area made the signature by its own scheme.
 *
 * @param signature - TPMT_SIGNATURE.
 * @throws {TpmError} when it cannot be read, is by another scheme or hash than the key's, or the key has none.
 */
export function isSignedBy(signer: PublicArea, message: Uint8Array, signature: Uint8Array): boolean {
  const { name, hash, parts } = parseSignature(signature);
  if (signer.scheme?.name !== name || signer.scheme.hash !== hash)
    throw new TpmError("sigAlg: the signature is not by the scheme and hash that its key is bound to");
  const key = keyOf(signer);
  if (signer.key.type === "rsa") {
    const padding = name === "rsapss" ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
    // TPMs differ in how much salt they take.
    const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
    return verify(hash, message, { key, padding, saltLength }, parts[0] ?? Buffer.alloc(0));
  }
  const octets = coordinateOctets(signer.key.curve);
  if (parts.some((part) => part.length > octets)) throw new TpmError("sigAlg: larger than the key's curve");
  const pair = Buffer.concat(parts.map((part) => padded(part, octets)));
  return verify(hash, message, { key, dsaEncoding: "ieee-p1363" }, pair);
}
