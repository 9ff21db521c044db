import { constants, type SigningOptions } from "node:crypto";
import { DerError, DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier, readSmallInteger } from "../../shared/der/der-values.ts";

/** Object identifiers as the lower-case hex of their DER content. SHA-1 and older are missing: they can be forged. */
const HASHES: Readonly<Record<string, string>> = {
  "608648016503040201": "sha256",
  "608648016503040202": "sha384",
  "608648016503040203": "sha512",
};
const PSS = "2a864886f70d01010a";
const SIGNATURES: Readonly<Record<string, string>> = {
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/** How `verify` of `node:crypto` is to be called. */
export interface SignatureAlgorithm {
  readonly hash: string;
  readonly options: SigningOptions;
}

/**
 * Reads an AlgorithmIdentifier of RSA or ECDSA with SHA-2; whether the key is of that kind shows when it verifies.
 *
 * @throws {DerError} for any other algorithm.
 *
 * Source: RFC 4055 sections 3.1 and 5, RFC 5758 section 3.2.
 */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const algorithm = reader.enter(TAG.sequence, "signatureAlgorithm");
  const type = readObjectIdentifier(algorithm, "signatureAlgorithm");
  if (type === PSS) return readPss(algorithm.enter(TAG.sequence, "RSASSA-PSS-params"));
  const hash = SIGNATURES[type];
  if (hash === undefined) throw new DerError("the signature algorithm is neither RSA nor ECDSA with SHA-2");
  return { hash, options: {} };
}

/** The signature algorithm of a certificate or CRL, which stands after what is signed. @throws {DerError} */
export function signatureAlgorithmOf(der: Buffer): SignatureAlgorithm {
  const outer = DerReader.over(der).enter(TAG.sequence, "signed");
  outer.readAny("signed");
  return readSignatureAlgorithm(outer);
}

/** What is left out of the parameters means SHA-1, so that everything has to be there. */
function readPss(parameters: DerReader): SignatureAlgorithm {
  const tagged = (tag: number, what: string): DerReader => parameters.within(parameters.read(0xa0 | tag, what), what);
  const hashAlgorithm = tagged(0, "hashAlgorithm").enter(TAG.sequence, "hashAlgorithm");
  const hash = HASHES[readObjectIdentifier(hashAlgorithm, "hashAlgorithm")];
  if (hash === undefined) throw new DerError("the signature's hash is not SHA-2");
  tagged(1, "maskGenAlgorithm");
  const saltLength = readSmallInteger(tagged(2, "saltLength"), "saltLength");
  return { hash, options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } };
}
