import type { KeyObject, X509Certificate } from "node:crypto";
import type { CertificateIntent } from "../domain/certificate.ts";
import type { Subject, SubjectAltNames } from "../domain/csr-facts.ts";
import { parseIpAddress } from "../domain/ip-address.ts";
import type { IssuerCertificate } from "./issuer-certificate.ts";
import { EXTENDED_KEY_USAGE_OIDS, toDotted } from "./object-identifiers.ts";

const PURPOSES: ReadonlyMap<string, string> = new Map(
  Object.entries(EXTENDED_KEY_USAGE_OIDS).map(([purpose, oid]) => [purpose, toDotted(oid)]),
);

/** OpenSSL's short names of the attributes a subject may have. */
const SHORT_NAMES: readonly { readonly name: string; readonly values: (subject: Subject) => readonly string[] }[] = [
  { name: "C", values: ({ country }) => country },
  { name: "O", values: ({ organization }) => organization },
  { name: "OU", values: ({ organizationalUnit }) => organizationalUnit },
  { name: "L", values: ({ locality }) => locality },
  { name: "ST", values: ({ province }) => province },
  { name: "street", values: ({ streetAddress }) => streetAddress },
  { name: "postalCode", values: ({ postalCode }) => postalCode },
  { name: "CN", values: ({ commonName }) => (commonName === "" ? [] : [commonName]) },
  { name: "serialNumber", values: ({ serialNumber }) => (serialNumber === "" ? [] : [serialNumber]) },
];

/**
 * Compares what OpenSSL found in a finished certificate, through `node:crypto`, with what was approved. The second pair
 * of eyes: it shares no code with the builder or the lint. The signature is checked apart.
 *
 * @param key - the intent's public key.
 * @returns the names of the fields that differ; empty when all agree.
 */
export function findDifferences(
  found: X509Certificate,
  intent: CertificateIntent,
  key: KeyObject,
  issuer: IssuerCertificate,
): readonly string[] {
  const checks: readonly (readonly [field: string, agrees: boolean])[] = [
    ["subject", isSubject(found.subject, intent.subject)],
    ["issuer", found.issuer === issuer.parsed.subject && found.checkIssued(issuer.parsed)],
    ["subjectAltName", (found.subjectAltName ?? "") === printNames(intent.sans)],
    ["notBefore", isInstant(found.validFromDate, intent.notBefore)],
    ["notAfter", isInstant(found.validToDate, intent.notAfter)],
    ["extendedKeyUsage", (found.keyUsage ?? []).join() === intent.extendedKeyUsages.map(toOid).join()],
    ["basicConstraints", !found.ca],
    ["publicKey", found.publicKey.equals(key)],
  ];
  return checks.filter(([, agrees]) => !agrees).map(([field]) => field);
}

function toOid(purpose: string): string {
  return PURPOSES.get(purpose) ?? purpose;
}

function isInstant(found: Date, instant: Date): boolean {
  return found.getTime() === Math.floor(instant.getTime() / 1000) * 1000;
}

/** `printed` has a line for each RDN and ` + ` between the attributes of one; both are escaped inside values. */
function isSubject(printed: string | undefined, subject: Subject): boolean {
  const expected: string[] = [];
  for (const { name, values } of SHORT_NAMES) for (const value of values(subject)) expected.push(`${name}=${value}`);
  const text = printed ?? "";
  // What has nothing to escape and no attribute twice prints just like this.
  if (text === expected.join("\n")) return true;
  const found = text === "" ? [] : text.split(/\n| \+ /).map(unescapeAttribute);
  return found.length === expected.length && isSameSet(found, expected);
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const sorted = other.toSorted();
  return one.toSorted().every((item, index) => item === sorted[index]);
}

/** Undoes RFC 2253 escapes: `\` and two hex digits is an octet below 0x80, `\` and anything else is that itself. */
function unescapeAttribute(attribute: string): string {
  if (!attribute.includes("\\")) return attribute;
  return attribute.replace(/\\([0-9A-F]{2}|.)/gsu, (_match, escaped: string) =>
    escaped.length === 2 && /^[0-9A-F]{2}$/.test(escaped) ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped,
  );
}

/** Names as Node prints them. Source: Node.js documentation, X509Certificate.subjectAltName and CVE-2021-44532. */
function printNames({ dnsNames, emailAddresses, ipAddresses, uris }: SubjectAltNames): string {
  const printed: string[] = [];
  for (const name of dnsNames) printed.push(`DNS:${quoteUnsafe(name)}`);
  for (const address of emailAddresses) printed.push(`email:${quoteUnsafe(address)}`);
  for (const address of ipAddresses) printed.push(`IP Address:${printAddress(address)}`);
  for (const uri of uris) printed.push(`URI:${quoteUnsafe(uri)}`);
  return printed.join(", ");
}

const UNSAFE = /[^ -~]|["\\,']/;

function quoteUnsafe(text: string): string {
  if (!UNSAFE.test(text)) return text;
  const escaped = text.replace(/[^ -~]|["\\,]/g, (character) =>
    character === '"' || character === "\\"
      ? `\\${character}`
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}

function printAddress(address: string): string {
  const octets = parseIpAddress(address);
  if (octets === undefined || octets.length === 4) return address;
  return Array.from({ length: 8 }, (_, group) =>
    octets
      .readUInt16BE(group * 2)
      .toString(16)
      .toUpperCase(),
  ).join(":");
}
