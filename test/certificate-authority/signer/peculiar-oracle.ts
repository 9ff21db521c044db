import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Name as AsnName, AttributeTypeAndValue, AttributeValue, RelativeDistinguishedName } from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";
import type { CertificateIntent } from "../../../services/certificate-authority/domain/certificate.ts";
import type { Subject, SubjectAltNames } from "../../../services/certificate-authority/domain/csr-facts.ts";
import type { RevocationPointers } from "../../../services/certificate-authority/domain/revocation-list.ts";
import { isPrintable } from "../../../services/certificate-authority/signer/directory-strings.ts";
import {
  EXTENDED_KEY_USAGE_OIDS,
  toDotted,
} from "../../../services/certificate-authority/signer/object-identifiers.ts";
import type { BuiltIssuer } from "../../builders/issuer.ts";

x509.cryptoProvider.set(webcrypto as Crypto);

const ATTRIBUTES: readonly (readonly [oid: string, values: (subject: Subject) => readonly string[]])[] = [
  ["2.5.4.6", ({ country }) => country],
  ["2.5.4.8", ({ province }) => province],
  ["2.5.4.7", ({ locality }) => locality],
  ["2.5.4.9", ({ streetAddress }) => streetAddress],
  ["2.5.4.17", ({ postalCode }) => postalCode],
  ["2.5.4.10", ({ organization }) => organization],
  ["2.5.4.11", ({ organizationalUnit }) => organizationalUnit],
  ["2.5.4.3", ({ commonName }) => (commonName === "" ? [] : [commonName])],
  ["2.5.4.5", ({ serialNumber }) => (serialNumber === "" ? [] : [serialNumber])],
];

/** The library writes a set in the order it is given, so it is given in DER's: sorted by encoding. */
function relativeName(oid: string, values: readonly string[]): RelativeDistinguishedName {
  const attributes = values.map((text) => {
    const value = new AttributeValue(isPrintable(text) ? { printableString: text } : { utf8String: text });
    return new AttributeTypeAndValue({ type: oid, value });
  });
  const encoded = attributes.map((attribute) => ({ attribute, der: Buffer.from(AsnConvert.serialize(attribute)) }));
  encoded.sort((one, other) => one.der.compare(other.der));
  return new RelativeDistinguishedName(encoded.map(({ attribute }) => attribute));
}

function nameOf(subject: Subject): x509.Name {
  const present = ATTRIBUTES.map(([oid, values]) => ({ oid, values: values(subject) })).filter(
    ({ values }) => values.length > 0,
  );
  return new x509.Name(new AsnName(present.map(({ oid, values }) => relativeName(oid, values))));
}

function generalNames({ dnsNames, emailAddresses, ipAddresses, uris }: SubjectAltNames): x509.JsonGeneralNames {
  return [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...emailAddresses.map((value) => ({ type: "email" as const, value })),
    ...ipAddresses.map((value) => ({ type: "ip" as const, value })),
    ...uris.map((value) => ({ type: "url" as const, value })),
  ];
}

function extensionsOf(
  intent: CertificateIntent,
  issuer: x509.X509Certificate,
  subject: x509.Name,
  { crlUrl, ocspUrl }: Partial<RevocationPointers>,
): x509.Extension[] {
  const extensions: x509.Extension[] = [];
  if (intent.keyUsage !== 0) extensions.push(new x509.KeyUsagesExtension(intent.keyUsage, true));
  const purposes = intent.extendedKeyUsages.map((purpose) => toDotted(EXTENDED_KEY_USAGE_OIDS[purpose]));
  if (purposes.length > 0) extensions.push(new x509.ExtendedKeyUsageExtension(purposes, false));
  extensions.push(new x509.BasicConstraintsExtension(false, undefined, true));
  const identifier = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  const subjectDer = Buffer.from(subject.toArrayBuffer());
  const isSelfNamed = subjectDer.equals(Buffer.from(issuer.subjectName.toArrayBuffer()));
  if (identifier && !isSelfNamed) {
    extensions.push(new x509.AuthorityKeyIdentifierExtension(identifier.keyId, false));
  }
  const url = (value: string) => new x509.GeneralName("url", value);
  if (ocspUrl !== undefined) extensions.push(new x509.AuthorityInfoAccessExtension({ ocsp: [url(ocspUrl)] }));
  const names = generalNames(intent.sans);
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names, subjectDer.length === 2));
  if (crlUrl !== undefined) extensions.push(new x509.CRLDistributionPointsExtension([crlUrl]));
  return extensions;
}

/**
 * TBSCertificate as `@peculiar/x509`'s generator writes it for the same intent, serial and issuer.
 * @param signing - the issuer's key for the provider that is set here, and what to sign with.
 */
export async function oracleToBeSigned(
  intent: CertificateIntent,
  serial: Buffer,
  issuer: BuiltIssuer,
  signing: { readonly key: CryptoKey; readonly algorithm: Algorithm | EcdsaParams },
  pointers: Partial<RevocationPointers> = {},
): Promise<Buffer> {
  const authority = new x509.X509Certificate(new Uint8Array(issuer.certificateDer));
  const subject = nameOf(intent.subject);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString("hex"),
    subject,
    issuer: authority.subjectName,
    notBefore: intent.notBefore,
    notAfter: intent.notAfter,
    publicKey: new x509.PublicKey(new Uint8Array(intent.spkiDer)),
    signingKey: signing.key,
    signingAlgorithm: signing.algorithm,
    extensions: extensionsOf(intent, authority, subject, pointers),
  });
  return toBeSignedOf(Buffer.from(certificate.rawData));
}

/** The first element inside a certificate. */
function toBeSignedOf(der: Buffer): Buffer {
  const contentStart = headerLength(der, 0);
  const length = headerLength(der, contentStart) + contentLength(der, contentStart);
  return der.subarray(contentStart, contentStart + length);
}

function headerLength(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentLength(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0;
  return first < 0x80 ? first : der.readUIntBE(at + 2, first & 0x7f);
}
