import { X509Certificate } from "node:crypto";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { readCertificate } from "./certificate-reader.ts";

interface Stored {
  readonly record: CertificateRecord;
  readonly facts: CertificateFacts;
}

const RULES: readonly { readonly name: string; readonly holds: (stored: Stored) => boolean }[] = [
  { name: "serial", holds: ({ record, facts }) => record.serial === facts.serial },
  { name: "common name", holds: ({ record, facts }) => record.commonName === facts.subject.commonName },
  { name: "organizations", holds: ({ record, facts }) => isSameSet(record.organizations, facts.subject.organization) },
  { name: "alternative names", holds: ({ record, facts }) => isSameNames(record.sans, facts.sans) },
  { name: "public key", holds: ({ record, facts }) => record.spkiSha256 === facts.spkiSha256 },
  { name: "notBefore", holds: ({ record, facts }) => isSameSecond(record.notBefore, facts.notBefore) },
  { name: "notAfter", holds: ({ record, facts }) => isSameSecond(record.notAfter, facts.notAfter) },
];

/**
 * What is wrong with a certificate on record: where its encoding says something else than the record, that it is a CA, or
 * that its issuer's key does not verify its signature. In words that follow its name; empty when it is sound.
 *
 * @param issuerDer - undefined when its issuer is not on record.
 */
export function judgeStoredCertificate(
  record: CertificateRecord,
  issuerDer: Uint8Array | undefined,
): readonly string[] {
  let facts: CertificateFacts;
  try {
    facts = readCertificate(record.der);
  } catch (error) {
    return [`its encoding is no certificate: ${(error as Error).message}`];
  }
  const differing = RULES.filter(({ holds }) => !holds({ record, facts })).map(({ name }) => name);
  return [
    ...(differing.length === 0 ? [] : [`its encoding says something else of its ${differing.join(", ")}`]),
    ...(facts.isAuthority ? ["it is the certificate of a CA"] : []),
    ...(issuerDer === undefined || isSignedBy(record.der, issuerDer) ? [] : ["its issuer has not signed it"]),
  ];
}

function isSignedBy(der: Uint8Array, issuerDer: Uint8Array): boolean {
  try {
    const issuer = new X509Certificate(issuerDer);
    const certificate = new X509Certificate(der);
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Certificates have whole seconds (RFC 5280 section 4.1.2.5). */
function isSameSecond(one: Date, other: Date): boolean {
  return Math.floor(one.getTime() / 1000) === Math.floor(other.getTime() / 1000);
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).size === new Set(other).size && one.every((item) => other.includes(item));
}

function isSameNames(one: SubjectAltNames, other: SubjectAltNames): boolean {
  return (
    isSameSet(one.dnsNames, other.dnsNames) &&
    isSameSet(one.emailAddresses, other.emailAddresses) &&
    isSameSet(one.ipAddresses, other.ipAddresses) &&
    isSameSet(one.uris, other.uris)
  );
}
