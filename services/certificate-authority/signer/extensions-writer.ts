import { TAG } from "../../shared/der/der-reader.ts";
import type { CertificateIntent, ExtendedKeyUsage } from "../domain/certificate.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { parseIpAddress } from "../domain/ip-address.ts";
import { GENERAL_NAME } from "./alternative-names-reader.ts";
import { writeExtension, writeObjectIdentifier } from "./der-values-writer.ts";
import { type DerWriter, encodeWith } from "./der-writer.ts";
import { EXTENDED_KEY_USAGE_OIDS, OID } from "./object-identifiers.ts";

/** Source: RFC 5280 section 4.2.1.6; the order of kinds is that of Go's marshalSANs. */
export function writeAlternativeNames(writer: DerWriter, sans: SubjectAltNames, isCritical: boolean): void {
  writeExtension(writer, OID.subjectAltName, isCritical, () => {
    const namesEnd = writer.size;
    for (const uri of sans.uris.toReversed()) writeText(writer, GENERAL_NAME.uri, uri);
    for (const address of sans.ipAddresses.toReversed()) writeAddress(writer, address);
    for (const address of sans.emailAddresses.toReversed()) writeText(writer, GENERAL_NAME.email, address);
    for (const name of sans.dnsNames.toReversed()) writeText(writer, GENERAL_NAME.dns, name);
    writer.wrap(TAG.sequence, namesEnd);
  });
}

/** keyIdentifier form. Source: RFC 5280 section 4.2.1.1. */
export function encodeAuthorityKeyIdentifier(keyIdentifier: Buffer): Buffer {
  return encodeWith((writer) => {
    writeExtension(writer, OID.authorityKeyIdentifier, false, () => {
      writer.bytes(keyIdentifier);
      writer.wrap(0x80, 0);
      writer.wrap(TAG.sequence, 0);
    });
  });
}

/** KeyUsage when there is any, ExtendedKeyUsage when there is any, and BasicConstraints that say CA:FALSE. */
export function encodeUsages({
  keyUsage,
  extendedKeyUsages,
}: Pick<CertificateIntent, "keyUsage" | "extendedKeyUsages">): Buffer {
  return encodeWith((writer) => {
    writeExtension(writer, OID.basicConstraints, true, () => writer.wrap(TAG.sequence, 0));
    if (extendedKeyUsages.length > 0) writePurposes(writer, extendedKeyUsages);
    if (keyUsage !== 0) writeExtension(writer, OID.keyUsage, true, () => writeNamedBits(writer, keyUsage));
  });
}

function writePurposes(writer: DerWriter, purposes: readonly ExtendedKeyUsage[]): void {
  writeExtension(writer, OID.extendedKeyUsage, false, () => {
    const purposesEnd = writer.size;
    for (const purpose of purposes.toReversed()) writeObjectIdentifier(writer, EXTENDED_KEY_USAGE_OIDS[purpose]);
    writer.wrap(TAG.sequence, purposesEnd);
  });
}

/** Bit n of `bits` becomes named bit n; trailing zero bits are left out, as X.690 section 11.2.2 demands. */
function writeNamedBits(writer: DerWriter, bits: number): void {
  const bitsEnd = writer.size;
  const used = 32 - Math.clz32(bits);
  const octets = new Uint8Array(Math.ceil(used / 8));
  for (let bit = 0; bit < used; bit += 1) {
    if (bits & (1 << bit)) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  writer.bytes(octets);
  writer.octet(octets.length * 8 - used);
  writer.wrap(TAG.bitString, bitsEnd);
}

function writeText(writer: DerWriter, tag: number, text: string): void {
  const textEnd = writer.size;
  writer.text(text, "latin1");
  writer.wrap(tag, textEnd);
}

function writeAddress(writer: DerWriter, address: string): void {
  const octets = parseIpAddress(address);
  if (octets === undefined) throw new TypeError(`not an IP address: ${address}`);
  const addressEnd = writer.size;
  writer.bytes(octets);
  writer.wrap(GENERAL_NAME.ip, addressEnd);
}
