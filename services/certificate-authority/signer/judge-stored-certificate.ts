import { hash, X509Certificate } from "node:crypto";
import { LRUCache } from "lru-cache";
import { encodingOf } from "../../shared/der/der-reader.ts";
import type { CertificateIntent, CertificateRecord } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { AskedCertificate, CertificateFindings, CertificateJudge } from "../domain/certificate-judge.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { keyUsagesOf } from "../domain/key-usages.ts";
import { isPodRecord } from "../domain/pod-certificate.ts";
import type { RevocationPointers } from "../domain/revocation-list.ts";
import { isOurSigner } from "../domain/signer-profile.ts";
import { adviseOn } from "./certificate-advice.ts";
import { lintCertificate } from "./certificate-lint.ts";
import { type CertificateFields, factsOf, readOneCertificate } from "./certificate-reader.ts";
import { findDifferences } from "./certificate-rereader.ts";
import { type IssuerCertificate, loadIssuerCertificate } from "./issuer-certificate.ts";
import { OID } from "./object-identifiers.ts";
import { listUrlIn, responderUrlIn } from "./pointers-lint.ts";
import { readFacts } from "./stored-csr.ts";

interface Compared {
  readonly record: CertificateRecord;
  readonly facts: CertificateFacts;
}

const RECORD_RULES: readonly { readonly name: string; readonly holds: (compared: Compared) => boolean }[] = [
  { name: "serial", holds: ({ record, facts }) => record.serial === facts.serial },
  { name: "common name", holds: ({ record, facts }) => record.commonName === facts.subject.commonName },
  { name: "organizations", holds: ({ record, facts }) => isSameSet(record.organizations, facts.subject.organization) },
  { name: "alternative names", holds: ({ record, facts }) => isSameNames(record.sans, facts.sans) },
  { name: "public key", holds: ({ record, facts }) => record.spkiSha256 === facts.spkiSha256 },
  { name: "notBefore", holds: ({ record, facts }) => isSameSecond(record.notBefore, facts.notBefore) },
  { name: "notAfter", holds: ({ record, facts }) => isSameSecond(record.notAfter, facts.notAfter) },
];

/** More issuers than any ledger has in use at a time; reading one costs as much as judging a certificate. */
const REMEMBERED_ISSUERS = 64;

/**
 * Judges certificates on record again, as they were before they were released: the encoding against the record, both
 * parsers' rules against what was asked for, and the issuer's signature. What the lint finds of a certificate that others
 * issued is a warning, since it was never ours to form; that its encoding says something else than its record, or that
 * its issuer did not sign it, is a problem whoever issued it.
 */
export function createCertificateJudge(): CertificateJudge {
  const issuers = new LRUCache<string, StoredIssuer>({ max: REMEMBERED_ISSUERS });

  function issuerOf(issuerDer: Uint8Array): StoredIssuer {
    const id = hash("sha256", issuerDer);
    const known = issuers.get(id) ?? readIssuer(issuerDer);
    issuers.set(id, known);
    return known;
  }

  return ({ record, issuerDer, asked }): CertificateFindings => {
    let read: Read;
    try {
      read = readEncoding(record.der);
    } catch (error) {
      return { problems: [`its encoding is no certificate: ${messageOf(error)}`], warnings: [] };
    }
    const faults = differencesFromRecord(record, read.facts);
    if (issuerDer === undefined) return { problems: faults, warnings: [] };
    const issuer = issuerOf(issuerDer);
    const { broken, advice } = lint(read, issuer, asked, isPodRecord(record.requestName ?? ""));
    const wrong = isSignedBy(read.found, issuer) ? faults : [...faults, "its issuer has not signed it"];
    return record.importedAt === undefined
      ? { problems: [...wrong, ...broken], warnings: advice }
      : { problems: wrong, warnings: [...broken, ...advice] };
  };
}

/** A CA certificate as both parsers read it. */
interface StoredIssuer {
  readonly parsed: X509Certificate | undefined;
  /** Or why nothing can be linted under it: we would not sign with it. */
  readonly signing: IssuerCertificate | { readonly unusable: string };
}

function readIssuer(issuerDer: Uint8Array): StoredIssuer {
  try {
    const parsed = new X509Certificate(issuerDer);
    try {
      return { parsed, signing: loadIssuerCertificate(issuerDer) };
    } catch (error) {
      return { parsed, signing: { unusable: messageOf(error) } };
    }
  } catch (error) {
    return { parsed: undefined, signing: { unusable: messageOf(error) } };
  }
}

/** By the rules of both parsers that look at a certificate before it is released. */
function lint(
  { der, fields, facts, found }: Read,
  { signing }: StoredIssuer,
  asked: AskedCertificate | undefined,
  isForPod: boolean,
): { readonly broken: readonly string[]; readonly advice: readonly string[] } {
  if ("unusable" in signing) return { broken: [`it cannot be linted: ${signing.unusable}`], advice: [] };
  try {
    const intent = intentOf(fields, facts, asked, isForPod);
    const issuer = { ...signing, pointers: pointersIn(fields) };
    const { publicKey } = found;
    const differing = findDifferences(found, intent, publicKey, issuer);
    const broken = lintCertificate(der, intent, issuer).map((rule) => `lint: ${rule}`);
    return {
      broken: differing.length === 0 ? broken : [...broken, `OpenSSL reads otherwise: ${differing.join(", ")}`],
      advice: adviseOn(intent, publicKey.asymmetricKeyType),
    };
  } catch (error) {
    return { broken: [`it cannot be linted: ${messageOf(error)}`], advice: [] };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One certificate by both parsers. */
interface Read {
  readonly der: Buffer;
  readonly fields: CertificateFields;
  readonly facts: CertificateFacts;
  readonly found: X509Certificate;
}

function readEncoding({ buffer, byteOffset, byteLength }: Uint8Array): Read {
  const der = Buffer.from(buffer, byteOffset, byteLength);
  const fields = readOneCertificate(der);
  return { der, fields, facts: factsOf(fields, der), found: new X509Certificate(der) };
}

function differencesFromRecord(record: CertificateRecord, facts: CertificateFacts): readonly string[] {
  const differing = RECORD_RULES.filter(({ holds }) => !holds({ record, facts })).map(({ name }) => name);
  return [
    ...(differing.length === 0 ? [] : [`its encoding says something else of its ${differing.join(", ")}`]),
    ...(facts.isAuthority ? ["it is the certificate of a CA"] : []),
  ];
}

/**
 * What was approved, as far as it is still on record. A request says names, key and usages; the subject only of
 * Kubernetes' signers, since others may have one of their own; of a pod's request key and usages alone. Whatever nobody
 * recorded is what the certificate says, so that the rules about its form are what is left of those about it.
 */
function intentOf(
  fields: CertificateFields,
  facts: CertificateFacts,
  asked: AskedCertificate | undefined,
  isForPod: boolean,
): CertificateIntent {
  const { subject, sans, keyUsage, extendedKeyUsages, notBefore, notAfter } = facts;
  const isUnchecked = extensionIn(fields, OID.ocspNoCheck) !== undefined && extendedKeyUsages.join() === "ocspSigning";
  const own = { subject, sans, spkiDer: encodingOf(fields.spki), keyUsage, extendedKeyUsages, notBefore, notAfter };
  const csr = asked && readFacts(asked.request);
  if (asked === undefined || csr === undefined) return { ...own, isUnchecked };
  return {
    ...own,
    ...keyUsagesOf(asked.usages),
    ...{ spkiDer: csr.spkiDer, isUnchecked },
    ...(!isForPod && { sans: csr.sans }),
    ...(isOurSigner(asked.signerName) && { subject: csr.subject }),
  };
}

/** Where revocation is looked up is configuration, of which no record is kept: of what there is the form is judged. */
function pointersIn(fields: CertificateFields): RevocationPointers {
  const lists = extensionIn(fields, OID.crlDistributionPoints);
  const responder = extensionIn(fields, OID.authorityInformationAccess);
  return { crlUrl: lists && listUrlIn(lists), ocspUrl: responder && responderUrlIn(responder) };
}

function extensionIn({ extensions }: CertificateFields, type: string): Buffer | undefined {
  return extensions.find((extension) => extension.type === type)?.value;
}

function isSignedBy(found: X509Certificate, { parsed }: StoredIssuer): boolean {
  try {
    return parsed !== undefined && found.checkIssued(parsed) && found.verify(parsed.publicKey);
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
