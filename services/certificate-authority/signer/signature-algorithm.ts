import { constants } from "node:crypto";
import { contentOf, DerError, type DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier, readSmallInteger } from "../../shared/der/der-values.ts";
import type { PublicKeyKind } from "../domain/csr-facts.ts";
import type { MlDsaSet } from "../domain/ml-dsa.ts";
import { OID, toDotted } from "./object-identifiers.ts";

/** How to check a signature with `node:crypto`. */
export interface SignatureAlgorithm {
  readonly keyAlgorithm: PublicKeyKind["algorithm"];
  /** Which one, when the key is one of ML-DSA. */
  readonly parameterSet?: MlDsaSet;
  /** Null for Ed25519 and ML-DSA, which hash by themselves. */
  readonly digest: "sha1" | "sha256" | "sha384" | "sha512" | null;
  /** Options of `verify` for RSA-PSS; undefined for everything else, PKCS #1 v1.5 among it. */
  readonly pss: { readonly padding: number; readonly saltLength: number } | undefined;
}

function rsa(digest: SignatureAlgorithm["digest"]): SignatureAlgorithm {
  return { keyAlgorithm: "RSA", digest, pss: undefined };
}

function ecdsa(digest: SignatureAlgorithm["digest"]): SignatureAlgorithm {
  return { keyAlgorithm: "ECDSA", digest, pss: undefined };
}

function mlDsa(parameterSet: MlDsaSet): SignatureAlgorithm {
  return { keyAlgorithm: "ML-DSA", parameterSet, digest: null, pss: undefined };
}

/** Source: RFC 3279 section 2.2, RFC 4055, RFC 5758, RFC 8410, RFC 9881; Go src/crypto/x509/x509.go (signatureAlgorithmDetails). */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ["2a864886f70d010105", rsa("sha1")],
  // The OIW's older name for the same, 1.3.14.3.2.29.
  ["2b0e03021d", rsa("sha1")],
  ["2a864886f70d01010b", rsa("sha256")],
  ["2a864886f70d01010c", rsa("sha384")],
  ["2a864886f70d01010d", rsa("sha512")],
  ["2a8648ce3d0401", ecdsa("sha1")],
  ["2a8648ce3d040302", ecdsa("sha256")],
  ["2a8648ce3d040303", ecdsa("sha384")],
  ["2a8648ce3d040304", ecdsa("sha512")],
  [OID.ed25519, { keyAlgorithm: "Ed25519", digest: null, pss: undefined }],
  [OID.mlDsa44, mlDsa("ML-DSA-44")],
  [OID.mlDsa65, mlDsa("ML-DSA-65")],
  [OID.mlDsa87, mlDsa("ML-DSA-87")],
]);

const PSS_DIGESTS: ReadonlyMap<string, { readonly digest: "sha256" | "sha384" | "sha512"; readonly octets: number }> =
  new Map([
    ["608648016503040201", { digest: "sha256", octets: 32 }],
    ["608648016503040202", { digest: "sha384", octets: 48 }],
    ["608648016503040203", { digest: "sha512", octets: 64 }],
  ]);

/**
 * Reads an AlgorithmIdentifier of a signature.
 *
 * @param algorithm - over the content of the AlgorithmIdentifier.
 * @throws {DerError} for algorithms we do not verify: MD2, MD5, DSA, and PSS other than RFC 4055's usual parameters.
 */
export function readSignatureAlgorithm(algorithm: DerReader): SignatureAlgorithm {
  const what = "signature algorithm";
  const type = readObjectIdentifier(algorithm, what);
  if (type === OID.rsaPss) return readPss(algorithm);
  const found = ALGORITHMS.get(type);
  if (found === undefined) throw new DerError(`${what}: ${toDotted(type)} is not supported`);
  // RFC 8410 section 3 and RFC 9881 section 2 forbid parameters; for the others absent and NULL are both in use.
  if (found.digest !== null) readOptionalNull(algorithm, what);
  algorithm.expectEnd(what);
  return found;
}

/**
 * RSASSA-PSS-params: one hash throughout, a salt as long as the hash, trailer 1.
 * Source: RFC 4055 section 3.1; Go src/crypto/x509/x509.go (getSignatureAlgorithmFromAI).
 */
function readPss(algorithm: DerReader): SignatureAlgorithm {
  const what = "PSS parameters";
  const parameters = algorithm.enter(TAG.sequence, what);
  algorithm.expectEnd(what);
  const hash = readHash(parameters.enter(0xa0, what));
  const mask = parameters.enter(0xa1, what).enter(TAG.sequence, what);
  if (readObjectIdentifier(mask, what) !== OID.maskGeneration1)
    throw new DerError(`${what}: unsupported mask generation`);
  const maskHash = readHash(mask);
  const saltLength = parameters.enter(0xa2, what);
  const saltOctets = readSmallInteger(saltLength, what);
  saltLength.expectEnd(what);
  const trailer = parameters.isNext(0xa3) ? readSmallInteger(parameters.enter(0xa3, what), what) : 1;
  parameters.expectEnd(what);
  const digest = PSS_DIGESTS.get(hash);
  const isUsual = digest !== undefined && maskHash === hash && saltOctets === digest.octets && trailer === 1;
  if (!isUsual) throw new DerError(`${what}: unsupported combination`);
  return {
    keyAlgorithm: "RSA",
    digest: digest.digest,
    pss: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltOctets },
  };
}

function readHash(reader: DerReader): string {
  const what = "PSS hash";
  const algorithm = reader.enter(TAG.sequence, what);
  reader.expectEnd(what);
  const type = readObjectIdentifier(algorithm, what);
  readOptionalNull(algorithm, what);
  algorithm.expectEnd(what);
  return type;
}

function readOptionalNull(reader: DerReader, what: string): void {
  const parameters = reader.readOptional(TAG.null, what);
  if (parameters !== undefined && contentOf(parameters).length > 0) throw new DerError(`${what}: malformed parameters`);
}
