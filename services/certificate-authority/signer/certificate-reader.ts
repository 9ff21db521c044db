import { hash } from "node:crypto";
import { contentOf, type DerElement, DerError, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import {
  readInteger,
  readNamedBits,
  readObjectIdentifier,
  readOctetAlignedBits,
  readOptionalBoolean,
  readSmallInteger,
  readTime,
} from "../../shared/der/der-values.ts";
import type { ExtendedKeyUsage } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import { NO_ALTERNATIVE_NAMES } from "../domain/csr-facts.ts";
import { readAlternativeNames } from "./alternative-names-reader.ts";
import { type ReadExtension, readExtension } from "./extension-reader.ts";
import { type ReadName, readName } from "./name-reader.ts";
import { EXTENDED_KEY_USAGE_OIDS, OID } from "./object-identifiers.ts";

const PURPOSES: ReadonlyMap<string, ExtendedKeyUsage> = new Map(
  Object.entries(EXTENDED_KEY_USAGE_OIDS).map(([purpose, oid]) => [oid, purpose as ExtendedKeyUsage]),
);

/** The fields of a certificate, by where they stand in its DER. Source: RFC 5280 section 4.1. */
export interface CertificateFields {
  /** 1, 2 or 3. */
  readonly version: number;
  /** Two's complement. */
  readonly serial: Buffer;
  readonly innerAlgorithm: DerElement;
  readonly outerAlgorithm: DerElement;
  readonly issuer: DerElement;
  readonly subject: DerElement;
  readonly name: ReadName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: DerElement;
  readonly hasUniqueIdentifiers: boolean;
  readonly extensions: readonly ReadExtension[];
}

/**
 * Reads one certificate off `reader`.
 * @throws {DerError} when it is malformed or has an extension twice.
 */
function readFields(reader: DerReader): CertificateFields {
  const certificate = reader.enter(TAG.sequence, "certificate");
  const tbs = certificate.enter(TAG.sequence, "certificate");
  const outerAlgorithm = certificate.read(TAG.sequence, "signature algorithm");
  readOctetAlignedBits(certificate, "signature");
  certificate.expectEnd("certificate");

  const version = readVersion(tbs);
  const serial = readInteger(tbs, "serial number");
  const innerAlgorithm = tbs.read(TAG.sequence, "signature algorithm");
  const issuer = tbs.read(TAG.sequence, "issuer");
  const validity = tbs.enter(TAG.sequence, "validity");
  const notBefore = readTime(validity, "notBefore");
  const notAfter = readTime(validity, "notAfter");
  validity.expectEnd("validity");
  const subject = tbs.read(TAG.sequence, "subject");
  const name = readName(tbs.within(subject, "subject"), "subject");
  const spki = tbs.read(TAG.sequence, "public key");
  const issuerUniqueId = tbs.readOptional(0x81, "issuer unique identifier");
  const subjectUniqueId = tbs.readOptional(0x82, "subject unique identifier");
  const hasUniqueIdentifiers = issuerUniqueId !== undefined || subjectUniqueId !== undefined;
  const extensions = version === 3 && tbs.isNext(0xa3) ? readExtensions(tbs.enter(0xa3, "extensions")) : [];
  tbs.expectEnd("certificate");
  return {
    version,
    serial,
    innerAlgorithm,
    outerAlgorithm,
    issuer,
    subject,
    name,
    notBefore,
    notAfter,
    spki,
    hasUniqueIdentifiers,
    extensions,
  };
}

/** Reads the fields of exactly one certificate. */
export function readOneCertificate(der: Buffer): CertificateFields {
  const reader = DerReader.over(der);
  const fields = readFields(reader);
  reader.expectEnd("certificate");
  return fields;
}

/** What the extensions we know say; absent ones yield their defaults. */
export interface ExtensionFacts
  extends Pick<CertificateFacts, "sans" | "isAuthority" | "keyUsage" | "extendedKeyUsages"> {
  readonly subjectKeyIdentifier: Buffer | undefined;
  readonly pathLength: number | undefined;
}

export function readExtensionFacts(extensions: readonly ReadExtension[]): ExtensionFacts {
  const contentReader = (type: string): DerReader | undefined => {
    const found = extensions.find((extension) => extension.type === type);
    return found && DerReader.over(found.value);
  };
  const sans = contentReader(OID.subjectAltName);
  const usage = contentReader(OID.keyUsage);
  const purposes = contentReader(OID.extendedKeyUsage);
  const constraints = contentReader(OID.basicConstraints)?.enter(TAG.sequence, "basicConstraints");
  const keyIdentifier = contentReader(OID.subjectKeyIdentifier)?.read(TAG.octetString, "subjectKeyIdentifier");
  const isAuthority =
    constraints === undefined ? false : (readOptionalBoolean(constraints, "basicConstraints") ?? false);
  return {
    sans: sans === undefined ? NO_ALTERNATIVE_NAMES : readAlternativeNames(sans),
    keyUsage: usage === undefined ? 0 : readNamedBits(usage, "keyUsage"),
    extendedKeyUsages: purposes === undefined ? [] : readPurposes(purposes.enter(TAG.sequence, "extendedKeyUsage")),
    isAuthority,
    pathLength: constraints?.isNext(TAG.integer) ? readSmallInteger(constraints, "basicConstraints") : undefined,
    subjectKeyIdentifier: keyIdentifier && contentOf(keyIdentifier),
  };
}

/**
 * What a certificate says, of any issuer; neither signature nor time is checked.
 *
 * @param der - exactly one certificate.
 * @throws {DerError} when it is malformed.
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const reader = DerReader.over(bytes);
  const facts = readNextCertificate(reader, bytes);
  reader.expectEnd("certificate");
  return facts;
}

/** Reads the next of several certificates that follow each other in `bytes`. */
export function readNextCertificate(reader: DerReader, bytes: Buffer): CertificateFacts {
  const start = bytes.length - reader.remaining;
  const fields = readFields(reader);
  return factsOf(fields, bytes.subarray(start, bytes.length - reader.remaining));
}

/** @param der - the certificate whose fields they are. */
export function factsOf(fields: CertificateFields, der: Buffer): CertificateFacts {
  const { sans, isAuthority, keyUsage, extendedKeyUsages } = readExtensionFacts(fields.extensions);
  return {
    subject: fields.name.subject,
    uids: fields.name.uids,
    sans,
    serial: serialHex(fields.serial),
    fingerprint: hash("sha256", der),
    spkiSha256: hash("sha256", encodingOf(fields.spki)),
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
    isAuthority,
    keyUsage,
    extendedKeyUsages,
  };
}

/** Lower-case hex, whole octets, no leading zero octet. */
export function serialHex(serial: Buffer): string {
  const significant = serial.findIndex((octet) => octet !== 0);
  return serial.toString("hex", significant < 0 ? serial.length - 1 : significant);
}

function readVersion(tbs: DerReader): number {
  if (!tbs.isNext(0xa0)) return 1;
  const explicit = tbs.enter(0xa0, "version");
  const version = readSmallInteger(explicit, "version") + 1;
  explicit.expectEnd("version");
  if (version > 3) throw new DerError("version: not a version of X.509");
  return version;
}

function readExtensions(explicit: DerReader): readonly ReadExtension[] {
  const sequence = explicit.enter(TAG.sequence, "extensions");
  explicit.expectEnd("extensions");
  const extensions: ReadExtension[] = [];
  const seen = new Set<string>();
  while (!sequence.isAtEnd()) {
    const extension = readExtension(sequence);
    if (seen.has(extension.type)) throw new DerError("an extension occurs more than once");
    seen.add(extension.type);
    extensions.push(extension);
  }
  return extensions;
}

function readPurposes(purposes: DerReader): readonly ExtendedKeyUsage[] {
  const known: ExtendedKeyUsage[] = [];
  while (!purposes.isAtEnd()) {
    const purpose = PURPOSES.get(readObjectIdentifier(purposes, "extendedKeyUsage"));
    if (purpose !== undefined) known.push(purpose);
  }
  return known;
}
