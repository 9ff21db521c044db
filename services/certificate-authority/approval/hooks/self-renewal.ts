import { X509Certificate } from "node:crypto";
import { CREDENTIAL_ID_EXTRA } from "../../../shared/user-info.ts";
import type { CertificateRecord } from "../../domain/certificate.ts";
import type { CsrSpec } from "../../domain/certificate-signing-request.ts";
import type { CsrFacts, Subject, SubjectAltNames } from "../../domain/csr-facts.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook, Certificates, ReviewInput } from "../../domain/ports.ts";
import { renewalOf } from "../../domain/renewal.ts";

const CREDENTIAL_ID = /^X509SHA256=([0-9a-f]{64})$/;

/** The certificate API's words for extended key usages; all others are key usages, or not for renewals. */
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};
/** What would make a CA of it. */
const NEVER: ReadonlySet<string> = new Set(["cert sign", "crl sign"]);

/**
 * Approves what renews itself: a request by the holder of a live certificate, who showed it to this server, for the same
 * signer, subject and names and no further usages. Everything else has no opinion here; nothing is denied. The server
 * writes into a request which certificate its creator showed, whatever the creator says.
 */
export function selfRenewalHook(certificates: Pick<Certificates, "get">): ApprovalHook {
  return { name: "self-renewal", review: (input) => review(certificates, input) };
}

async function review(certificates: Pick<Certificates, "get">, { csr, facts, now }: ReviewInput): Promise<Verdict> {
  const fingerprint = shownFingerprint(csr.spec);
  if (fingerprint === undefined)
    return noOpinion("NoCertificateShown", "the requester showed no client certificate", {});
  const shown = await certificates.get(fingerprint);
  const evidence = { fingerprint };
  if (shown?.fingerprint !== fingerprint) {
    return noOpinion("NotOnRecord", "the certificate that the requester showed is not on record", evidence);
  }
  const difference = differenceOf(shown, csr.spec, facts, now);
  if (difference !== undefined) return noOpinion("NotTheSame", `the request is no renewal: ${difference}`, evidence);
  const message = "the requester showed a live certificate of this signer with the same subject and names";
  const renews = renewalOf(shown, facts);
  return { kind: "approved", reason: "SelfRenewal", message, evidence: { ...evidence, renews } };
}

function shownFingerprint({ extra = {} }: CsrSpec): string | undefined {
  const ids = extra[CREDENTIAL_ID_EXTRA] ?? [];
  return ids.length === 1 ? CREDENTIAL_ID.exec(ids[0] ?? "")?.[1] : undefined;
}

/** @returns what keeps the request from being a renewal. */
function differenceOf(
  shown: CertificateRecord,
  { signerName, username = "", usages }: CsrSpec,
  facts: CsrFacts,
  now: Date,
): string | undefined {
  if (shown.state !== "issued") return "the certificate is revoked";
  if (shown.notAfter <= now || shown.notBefore > now) return "the certificate is not valid now";
  if (shown.signerName !== signerName) return `the certificate is of the signer ${shown.signerName}`;
  // Impersonation keeps the certificate of who impersonates out of the request; this holds without it.
  if (shown.commonName !== username) return "the certificate names another user";
  if (!hasSubject(shown, facts.subject)) return "the subject is another";
  if (!sameNames(shown.sans, facts.sans)) return "the names are others";
  const further = furtherUsages(shown, usages);
  return further.length === 0 ? undefined : `the certificate is not for ${further.join(", ")}`;
}

/** Kind by kind: an address is no DNS name that reads like it. */
function sameNames(one: SubjectAltNames, other: SubjectAltNames): boolean {
  const kinds = ["dnsNames", "emailAddresses", "ipAddresses", "uris"] as const;
  return kinds.every((kind) => sorted(one[kind]) === sorted(other[kind]));
}

const sorted = (names: readonly string[]): string => JSON.stringify(names.toSorted());

/** On record are organizations and common name: a subject with more is a person's to compare. */
function hasSubject({ commonName, organizations }: CertificateRecord, subject: Subject): boolean {
  const { country, organizationalUnit, locality, province, streetAddress, postalCode, serialNumber } = subject;
  const others = [country, organizationalUnit, locality, province, streetAddress, postalCode].flat();
  if (others.length > 0 || serialNumber !== "") return false;
  return subject.commonName === commonName && sorted(subject.organization) === sorted(organizations);
}

function furtherUsages({ der }: CertificateRecord, usages: readonly string[]): readonly string[] {
  const has = new Set(new X509Certificate(der).keyUsage);
  return usages.filter((usage) => {
    const oid = EXTENDED_USAGES[usage];
    return NEVER.has(usage) || (oid !== undefined && !has.has(oid));
  });
}

function noOpinion(reason: string, message: string, evidence: Verdict["evidence"]): Verdict {
  return { kind: "noOpinion", reason, message, evidence };
}
