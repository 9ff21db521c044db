import type { X509Certificate } from "node:crypto";
import { contentOf, DerError, DerReader, TAG } from "../../shared/der/der-reader.ts";
import {
  readNamedBits,
  readObjectIdentifier,
  readOptionalBoolean,
  readSmallInteger,
} from "../../shared/der/der-values.ts";

/** Context tags of TBSCertificate. Source: RFC 5280 section 4.1. */
const VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const EXTENSIONS = 0xa3;

/** Object identifiers as the lower-case hex of their DER content. */
export const EXTENSION = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  certificatePolicies: "551d20",
  extendedKeyUsage: "551d25",
} as const;

/** `digitalSignature` and `keyCertSign` as bits of `keyUsage`. Source: RFC 5280 section 4.2.1.3. */
export const DIGITAL_SIGNATURE = 1 << 0;
export const KEY_CERT_SIGN = 1 << 5;

export interface CertificateExtension {
  readonly isCritical: boolean;
  readonly value: Buffer;
}

/** What `node:crypto` does not tell of a certificate. */
export interface CertificateExtensions {
  /** By the hex of its object identifier. */
  readonly all: ReadonlyMap<string, CertificateExtension>;
  /** Undefined when there is no such extension: then nothing is excluded. */
  readonly keyUsage: number | undefined;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  /** Dotted; undefined when there is no such extension. */
  readonly extendedKeyUsages: readonly string[] | undefined;
}

/**
 * Reads the extensions of a certificate that `node:crypto` could parse.
 *
 * @throws {DerError} when they are not what RFC 5280 says, or one comes twice.
 */
export function readExtensions(certificate: X509Certificate): CertificateExtensions {
  const all = extensionsOf(certificate.raw);
  const basic = constraintsOf(all.get(EXTENSION.basicConstraints)?.value);
  const usages = all.get(EXTENSION.keyUsage)?.value;
  return {
    all,
    ...basic,
    keyUsage: usages && readNamedBits(DerReader.over(usages), "keyUsage"),
    extendedKeyUsages: all.has(EXTENSION.extendedKeyUsage) ? (certificate.keyUsage ?? []) : undefined,
  };
}

function extensionsOf(der: Buffer): ReadonlyMap<string, CertificateExtension> {
  const certificate = DerReader.over(der).enter(TAG.sequence, "certificate");
  const tbs = certificate.enter(TAG.sequence, "tbsCertificate");
  tbs.readOptional(VERSION, "version");
  for (const what of ["serialNumber", "signature", "issuer", "validity", "subject", "subjectPublicKeyInfo"])
    tbs.readAny(what);
  tbs.readOptional(ISSUER_UNIQUE_ID, "issuerUniqueID");
  tbs.readOptional(SUBJECT_UNIQUE_ID, "subjectUniqueID");
  const found = new Map<string, CertificateExtension>();
  if (tbs.isAtEnd()) return found;
  const list = tbs.enter(EXTENSIONS, "extensions").enter(TAG.sequence, "extensions");
  tbs.expectEnd("tbsCertificate");
  while (!list.isAtEnd()) {
    const extension = list.enter(TAG.sequence, "extension");
    const type = readObjectIdentifier(extension, "extension");
    const isCritical = readOptionalBoolean(extension, "extension") ?? false;
    const value = contentOf(extension.read(TAG.octetString, "extension"));
    extension.expectEnd("extension");
    if (found.has(type)) throw new DerError(`the extension ${type} comes twice`);
    found.set(type, { isCritical, value });
  }
  return found;
}

function constraintsOf(value: Buffer | undefined) {
  if (value === undefined) return { isAuthority: false, pathLength: undefined };
  const outer = DerReader.over(value);
  const basic = outer.enter(TAG.sequence, "basicConstraints");
  outer.expectEnd("basicConstraints");
  const isAuthority = readOptionalBoolean(basic, "cA") ?? false;
  const pathLength = basic.isAtEnd() ? undefined : readSmallInteger(basic, "pathLenConstraint");
  basic.expectEnd("basicConstraints");
  return { isAuthority, pathLength };
}
