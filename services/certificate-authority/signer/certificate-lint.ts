import { contentOf, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { isSameEncoding } from "../../shared/der/der-values.ts";
import type { CertificateIntent } from "../domain/certificate.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { hasNames, isEmptyName } from "./certificate-builder.ts";
import {
  type CertificateFields,
  type ExtensionFacts,
  readExtensionFacts,
  readOneCertificate,
} from "./certificate-reader.ts";
import type { IssuerCertificate } from "./issuer-certificate.ts";
import { OID } from "./object-identifiers.ts";
import { listUrlIn, responderUrlIn } from "./pointers-lint.ts";

const MAX_SERIAL_OCTETS = 20;
const MAX_KEY_USAGE = 0x1ff;
const NULL = Buffer.from("0500", "hex");
/** SEQUENCE {}: CA is FALSE by default, there is no path length. */
const NO_AUTHORITY = Buffer.from("3000", "hex");

/** The extensions a leaf may have, and whether each must be critical; `ifNameless`: exactly when there is no subject. */
const ALLOWED_EXTENSIONS: ReadonlyMap<string, boolean | "ifNameless"> = new Map<string, boolean | "ifNameless">([
  [OID.keyUsage, true],
  [OID.extendedKeyUsage, false],
  [OID.basicConstraints, true],
  [OID.authorityKeyIdentifier, false],
  [OID.subjectAltName, "ifNameless"],
  [OID.authorityInformationAccess, false],
  [OID.crlDistributionPoints, false],
  [OID.ocspNoCheck, false],
]);

interface Leaf {
  readonly fields: CertificateFields;
  readonly facts: ExtensionFacts;
  readonly intent: CertificateIntent;
  readonly issuer: IssuerCertificate;
}

interface Rule {
  readonly name: string;
  readonly holds: (leaf: Leaf) => boolean;
}

/** Each cites where it comes from: sections are those of RFC 5280; "intent" is what was approved. */
const RULES: readonly Rule[] = [
  { name: "version is 3 (4.1.2.1)", holds: ({ fields }) => fields.version === 3 },
  { name: "serial is positive and has at most 20 octets (4.1.2.2)", holds: ({ fields }) => isSerial(fields.serial) },
  { name: "signature algorithm is the issuer's, inside and outside (4.1.1.2)", holds: hasIssuersAlgorithm },
  { name: "issuer is the CA's subject, byte for byte (4.1.2.4)", holds: isIssuedByIssuer },
  { name: "notBefore is not after notAfter (4.1.2.5)", holds: ({ fields }) => fields.notBefore <= fields.notAfter },
  { name: "validity is the intent's", holds: hasIntendedValidity },
  { name: "validity ends with the issuer's or before", holds: isWithinIssuer },
  { name: "no unique identifiers (4.1.2.8)", holds: ({ fields }) => !fields.hasUniqueIdentifiers },
  { name: "extensions are allowed ones, critical as they must be (4.2)", holds: hasAllowedExtensions },
  { name: "basic constraints say no CA, without a path length (4.2.1.9)", holds: isNoAuthority },
  { name: "key usage is the intent's and names known bits (4.2.1.3)", holds: hasIntendedKeyUsage },
  { name: "extended key usages are the intent's, none twice (4.2.1.12)", holds: hasIntendedPurposes },
  { name: "authority key identifier is the issuer's (4.2.1.1)", holds: hasAuthorityKeyIdentifier },
  { name: "subject alternative names are the intent's, never an empty list (4.2.1.6)", holds: hasIntendedNames },
  { name: "revocation is looked up where it is configured, or nowhere (4.2.1.13, 4.2.2.1)", holds: hasPointers },
  { name: "subject is the intent's", holds: hasIntendedSubject },
  { name: "public key is the intent's, byte for byte", holds: hasIntendedKey },
];

/**
 * Judges a finished certificate: reads it back strictly and checks each rule. Building and judging share no code but
 * the constants that both RFC and Kubernetes fix.
 *
 * @returns the names of the rules that do not hold; empty for a sound certificate.
 * @throws {DerError} when the bytes are no certificate at all.
 */
export function lintCertificate(der: Buffer, intent: CertificateIntent, issuer: IssuerCertificate): readonly string[] {
  const fields = readOneCertificate(der);
  const leaf: Leaf = { fields, facts: readExtensionFacts(fields.extensions), intent, issuer };
  return RULES.filter(({ holds }) => !holds(leaf)).map(({ name }) => name);
}

function isSerial(serial: Buffer): boolean {
  const isPositive = (serial[0] ?? 0x80) < 0x80 && serial.some((octet) => octet !== 0);
  return isPositive && serial.length <= MAX_SERIAL_OCTETS;
}

function hasIssuersAlgorithm({ fields, issuer }: Leaf): boolean {
  const { algorithmDer } = issuer.signature;
  return isSameEncoding(fields.innerAlgorithm, algorithmDer) && isSameEncoding(fields.outerAlgorithm, algorithmDer);
}

function isIssuedByIssuer({ fields, issuer }: Leaf): boolean {
  return isSameEncoding(fields.issuer, issuer.nameDer) && !isEmptyName(issuer.nameDer);
}

function hasIntendedValidity({ fields, intent }: Leaf): boolean {
  const isSame = (one: Date, other: Date): boolean => one.getTime() === wholeSeconds(other);
  return isSame(fields.notBefore, intent.notBefore) && isSame(fields.notAfter, intent.notAfter);
}

function isWithinIssuer({ fields, issuer }: Leaf): boolean {
  return fields.notAfter <= issuer.description.notAfter;
}

function hasAllowedExtensions({ fields }: Leaf): boolean {
  const isNameless = isEmptyName(encodingOf(fields.subject));
  return fields.extensions.every(({ type, isCritical }) => {
    const rule = ALLOWED_EXTENSIONS.get(type);
    return rule !== undefined && isCritical === (rule === "ifNameless" ? isNameless : rule);
  });
}

function isNoAuthority({ fields, facts }: Leaf): boolean {
  return !facts.isAuthority && valueOfExtension(fields, OID.basicConstraints)?.equals(NO_AUTHORITY) === true;
}

function hasIntendedKeyUsage({ fields, facts, intent }: Leaf): boolean {
  const isPresent = valueOfExtension(fields, OID.keyUsage) !== undefined;
  const { keyUsage } = intent;
  return facts.keyUsage === keyUsage && isPresent === (keyUsage !== 0) && keyUsage >= 0 && keyUsage <= MAX_KEY_USAGE;
}

function hasIntendedPurposes({ fields, facts, intent }: Leaf): boolean {
  const found = facts.extendedKeyUsages;
  const isPresent = valueOfExtension(fields, OID.extendedKeyUsage) !== undefined;
  const hasNoneTwice = new Set(found).size === found.length;
  return isSameList(found, intent.extendedKeyUsages) && isPresent === found.length > 0 && hasNoneTwice;
}

function hasAuthorityKeyIdentifier({ fields, issuer }: Leaf): boolean {
  const isSelfNamed = isSameEncoding(fields.subject, issuer.nameDer);
  const expected = isSelfNamed ? undefined : issuer.keyIdentifier;
  const found = valueOfExtension(fields, OID.authorityKeyIdentifier);
  if (expected === undefined || found === undefined) return expected === found;
  const reader = DerReader.over(found);
  const fieldsOfIdentifier = reader.enter(TAG.sequence, "authorityKeyIdentifier");
  const keyIdentifier = contentOf(fieldsOfIdentifier.read(0x80, "authorityKeyIdentifier"));
  return keyIdentifier.equals(expected) && fieldsOfIdentifier.isAtEnd() && reader.isAtEnd();
}

function hasIntendedNames({ fields, facts, intent }: Leaf): boolean {
  const isPresent = valueOfExtension(fields, OID.subjectAltName) !== undefined;
  return isSameNames(facts.sans, intent.sans) && isPresent === hasNames(intent.sans);
}

function isSameNames(one: SubjectAltNames, other: SubjectAltNames): boolean {
  return (
    isSameList(one.dnsNames, other.dnsNames) &&
    isSameList(one.emailAddresses, other.emailAddresses) &&
    isSameList(one.ipAddresses, other.ipAddresses) &&
    isSameList(one.uris, other.uris)
  );
}

/** Who need not be looked up says so, and points nowhere. */
function hasPointers({ fields, intent, issuer }: Leaf): boolean {
  const isUnchecked = intent.isUnchecked === true;
  const { crlUrl, ocspUrl } = (isUnchecked ? undefined : issuer.pointers) ?? {};
  const lists = valueOfExtension(fields, OID.crlDistributionPoints);
  const responder = valueOfExtension(fields, OID.authorityInformationAccess);
  const noCheck = valueOfExtension(fields, OID.ocspNoCheck);
  return (
    (lists && listUrlIn(lists)) === crlUrl &&
    (lists === undefined) === (crlUrl === undefined) &&
    (responder && responderUrlIn(responder)) === ocspUrl &&
    (responder === undefined) === (ocspUrl === undefined) &&
    (noCheck === undefined) === !isUnchecked &&
    (noCheck === undefined || noCheck.equals(NULL))
  );
}

function hasIntendedSubject({ fields, intent }: Leaf): boolean {
  const { subject: found, uids } = fields.name;
  const { subject } = intent;
  return (
    uids.length === 0 &&
    found.commonName === subject.commonName &&
    found.serialNumber === subject.serialNumber &&
    isSameSet(found.country, subject.country) &&
    isSameSet(found.organization, subject.organization) &&
    isSameSet(found.organizationalUnit, subject.organizationalUnit) &&
    isSameSet(found.locality, subject.locality) &&
    isSameSet(found.province, subject.province) &&
    isSameSet(found.streetAddress, subject.streetAddress) &&
    isSameSet(found.postalCode, subject.postalCode)
  );
}

function hasIntendedKey({ fields, intent }: Leaf): boolean {
  return isSameEncoding(fields.spki, intent.spkiDer);
}

function valueOfExtension(fields: CertificateFields, type: string): Buffer | undefined {
  return fields.extensions.find((extension) => extension.type === type)?.value;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/** DER sorts the values of a multi-valued RDN, so their order is not the intent's. */
function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length < 2 ? isSameList(one, other) : isSameList(one.toSorted(), other.toSorted());
}

function wholeSeconds(instant: Date): number {
  return Math.floor(instant.getTime() / 1000) * 1000;
}
