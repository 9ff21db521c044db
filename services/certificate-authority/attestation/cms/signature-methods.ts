import { DerError, DerReader, encodingOf, TAG } from "../../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../../shared/der/der-values.ts";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "../signature-algorithm.ts";

/**
 * Object identifiers as the hex of their DER content. Azure names its digest by the signature algorithm that has it.
 *
 * Source: RFC 5754 section 2; RFC 8017 appendix C.
 */
const DIGESTS: Readonly<Record<string, string>> = {
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
};
/** PKCS #1 v1.5 with the digest of the message. Source: RFC 3370 section 3.2. */
const RSA_ENCRYPTION = "2a864886f70d010101";

/** An algorithm of the message, and where it says so. */
interface Read<T> {
  readonly value: T;
  /** The AlgorithmIdentifier. */
  readonly encoding: Buffer;
}

/** @returns the digest as `node:crypto` calls it. @throws {DerError} when it is none of SHA-2. */
export function readDigest(reader: DerReader): Read<string> {
  const element = reader.read(TAG.sequence, "digestAlgorithm");
  const type = readObjectIdentifier(reader.within(element, "digestAlgorithm"), "digestAlgorithm");
  const value = DIGESTS[type];
  if (value === undefined) throw new DerError("digestAlgorithm: not SHA-256, SHA-384 or SHA-512");
  return { value, encoding: encodingOf(element) };
}

/** @param digest - of the message. @throws {DerError} when the signature is not RSA or ECDSA with this digest. */
export function readSignatureMethod(reader: DerReader, digest: string): Read<SignatureAlgorithm> {
  const element = reader.read(TAG.sequence, "signatureAlgorithm");
  const encoding = encodingOf(element);
  const type = readObjectIdentifier(reader.within(element, "signatureAlgorithm"), "signatureAlgorithm");
  if (type === RSA_ENCRYPTION) return { value: { hash: digest, options: {} }, encoding };
  const value = readSignatureAlgorithm(DerReader.over(encoding));
  if (value.hash !== digest) throw new DerError("signatureAlgorithm: another digest than the message's");
  return { value, encoding };
}
