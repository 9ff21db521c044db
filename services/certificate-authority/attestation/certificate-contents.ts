import type { X509Certificate } from "node:crypto";
import { contentOf, type DerElement, DerError, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { readInteger, readObjectIdentifier } from "../../shared/der/der-values.ts";
import { formatIpAddress } from "../domain/ip-address.ts";
import { type CertificateExtensions, EXTENSION } from "./certificate-extensions.ts";

/** Object identifiers as the hex of their DER content: `serialNumber` of X.520, `id-on-hardwareModuleName`, `anyPolicy`. */
const SERIAL_NUMBER = "550405";
const HARDWARE_MODULE_NAME = "2b06010505070804";
export const ANY_POLICY = "551d2000";

/** Context tags of GeneralName. Source: RFC 5280 section 4.2.1.6. */
const OTHER_NAME = 0xa0;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const SEVEN_BIT_TAGS: ReadonlySet<number> = new Set([TAG.printableString, TAG.utf8String, TAG.ia5String]);
const VISIBLE = /^[\x21-\x7e]+$/;

/** Serial number and names of a certificate, encoded. */
export interface CertificateOutline {
  /** Lower-case hex of the INTEGER's content. */
  readonly serial: string;
  readonly subjectDer: Buffer;
}

/** @throws {DerError} */
export function outlineOf(certificate: X509Certificate): CertificateOutline {
  const tbs = DerReader.over(certificate.raw).enter(TAG.sequence, "certificate").enter(TAG.sequence, "tbsCertificate");
  tbs.readOptional(0xa0, "version");
  const serial = readInteger(tbs, "serialNumber").toString("hex");
  for (const what of ["signature", "issuer", "validity"]) tbs.readAny(what);
  return { serial, subjectDer: Buffer.from(encodingOf(tbs.read(TAG.sequence, "subject"))) };
}

/** The `serialNumber` of a subject; undefined unless there is exactly one, in visible ASCII. @throws {DerError} */
export function subjectSerialNumber(subjectDer: Buffer): string | undefined {
  const names = DerReader.over(subjectDer).enter(TAG.sequence, "subject");
  const found: (string | undefined)[] = [];
  while (!names.isAtEnd()) {
    const set = names.enter(TAG.set, "subject");
    while (!set.isAtEnd()) {
      const attribute = set.enter(TAG.sequence, "subject");
      const type = readObjectIdentifier(attribute, "subject");
      const value = attribute.readAny("subject");
      if (type === SERIAL_NUMBER) found.push(SEVEN_BIT_TAGS.has(value.tag) ? visibleText(value) : undefined);
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  /** Canonical text. */
  readonly ipAddresses: readonly string[];
  /** Serial numbers of hardware modules, as they are. */
  readonly hardwareSerials: readonly Buffer[];
}

/** @throws {DerError} Source: RFC 5280 section 4.2.1.6; RFC 4108 section 5 for hardwareModuleName. */
export function alternativeNamesOf({ all }: CertificateExtensions): AlternativeNames {
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  const hardwareSerials: Buffer[] = [];
  const value = all.get(EXTENSION.subjectAltName)?.value;
  if (value === undefined) return { dnsNames, ipAddresses, hardwareSerials };
  const names = onlySequence(value, "subjectAltName");
  while (!names.isAtEnd()) {
    const name = names.readAny("subjectAltName");
    if (name.tag === DNS_NAME) dnsNames.push(visibleText(name) ?? "");
    else if (name.tag === IP_ADDRESS) ipAddresses.push(addressOf(name));
    else if (name.tag === OTHER_NAME) hardwareSerials.push(...hardwareSerialsOf(names.within(name, "otherName")));
  }
  return { dnsNames, ipAddresses, hardwareSerials };
}

/** Hex object identifiers of the policies that a certificate asserts; none where it has no such extension. @throws {DerError} */
export function policiesOf({ all }: CertificateExtensions): readonly string[] {
  const value = all.get(EXTENSION.certificatePolicies)?.value;
  const policies: string[] = [];
  if (value === undefined) return policies;
  const list = onlySequence(value, "certificatePolicies");
  while (!list.isAtEnd())
    policies.push(readObjectIdentifier(list.enter(TAG.sequence, "certificatePolicies"), "policyIdentifier"));
  return policies;
}

/** @param dotted - a well-formed object identifier. @returns the hex of its DER content. */
export function objectIdentifierHex(dotted: string): string {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return [first * 40 + second, ...rest].map(arcHex).join("");
}

function arcHex(arc: number): string {
  const groups = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80);
  return Buffer.from(groups).toString("hex");
}

/** The text of an element in visible ASCII without spaces; undefined for any other. */
function visibleText(element: DerElement): string | undefined {
  const text = contentOf(element).toString("latin1");
  return VISIBLE.test(text) ? text : undefined;
}

function onlySequence(value: Buffer, what: string): DerReader {
  const outer = DerReader.over(value);
  const inner = outer.enter(TAG.sequence, what);
  outer.expectEnd(what);
  return inner;
}

function addressOf(name: DerElement): string {
  const address = formatIpAddress(contentOf(name));
  if (address === undefined) throw new DerError("subjectAltName: IP address is not of 4 or 16 octets");
  return address;
}

/** Names of other kinds are nothing to us. */
function hardwareSerialsOf(otherName: DerReader): readonly Buffer[] {
  if (readObjectIdentifier(otherName, "otherName") !== HARDWARE_MODULE_NAME) return [];
  const module = otherName.enter(0xa0, "otherName").enter(TAG.sequence, "hardwareModuleName");
  readObjectIdentifier(module, "hwType");
  const serial = contentOf(module.read(TAG.octetString, "hwSerialNum"));
  module.expectEnd("hardwareModuleName");
  return [serial];
}
