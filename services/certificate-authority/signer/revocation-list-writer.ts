import { TAG } from "../../shared/der/der-reader.ts";
import { REASON_CODES } from "../domain/revocation.ts";
import type { EncodedEntries, RevocationListTimes, RevokedSerial } from "../domain/revocation-list.ts";
import { writeExtension, writeNumber, writePositiveInteger, writeTime } from "./der-values-writer.ts";
import { DerWriter, encodeWith } from "./der-writer.ts";
import { encodeAuthorityKeyIdentifier } from "./extensions-writer.ts";
import type { IssuerCertificate } from "./issuer-certificate.ts";
import { OID } from "./object-identifiers.ts";

/** INTEGER 1: version 2. */
const VERSION_2 = Buffer.from("020101", "hex");
const NO_OCTETS = Buffer.alloc(0);
const FIRST_BYTES = 4096;

/** Entries one after the other in one buffer that grows: to add one costs the same however many there are. */
export class RevocationEntries implements EncodedEntries {
  readonly #writer = new DerWriter();
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #size = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(entry: RevokedSerial): void {
    const writer = this.#writer;
    writer.reset();
    writeEntry(writer, entry);
    const encoded = writer.written();
    if (this.#size + encoded.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#buffer.length + encoded.length);
      this.#buffer.copy(larger, 0, 0, this.#size);
      this.#buffer = larger;
    }
    encoded.copy(this.#buffer, this.#size);
    this.#size += encoded.length;
    this.#count += 1;
  }

  /** A view of all entries; what is added later does not change it. */
  encoded(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }
}

/** Unspecified is said by leaving the reason out. Source: RFC 5280 section 5.3.1. */
function writeEntry(writer: DerWriter, { serial, at, reason }: RevokedSerial): void {
  const code = REASON_CODES[reason];
  if (code !== 0) {
    writeExtension(writer, OID.reasonCode, false, () => {
      writer.octet(code);
      writer.wrap(TAG.enumerated, writer.size - 1);
    });
    writer.wrap(TAG.sequence, 0);
  }
  writeTime(writer, at);
  writePositiveInteger(writer, Buffer.from(serial, "hex"));
  writer.wrap(TAG.sequence, 0);
}

/**
 * TBSCertList: version 2, with the authority's key identifier and the CRL number. It speaks of everything its issuer has
 * signed, so that it needs no issuing distribution point.
 *
 * Source: RFC 5280 section 5.1.2.
 */
export function revocationListToBeSigned(
  issuer: IssuerCertificate,
  entries: Buffer,
  { number, thisUpdate, nextUpdate }: RevocationListTimes,
): Buffer {
  const head = encodeWith((writer) => {
    writeTime(writer, nextUpdate);
    writeTime(writer, thisUpdate);
    writer.bytes(issuer.nameDer);
    writer.bytes(issuer.signature.algorithmDer);
    writer.bytes(VERSION_2);
  });
  const extensions = encodeWith((writer) => {
    writeExtension(writer, OID.crlNumber, false, () => writeNumber(writer, number));
    if (issuer.keyIdentifier) writer.bytes(encodeAuthorityKeyIdentifier(issuer.keyIdentifier));
    writer.wrap(TAG.sequence, 0);
    writer.wrap(0xa0, 0);
  });
  // An empty list is left out altogether.
  const list = entries.length === 0 ? [NO_OCTETS] : [headerOf(TAG.sequence, entries.length), entries];
  return enclosed([head, ...list, extensions]);
}

/** What was signed, and its signature: a CRL, a certificate, an OCSP answer without its certificates. */
export function signedStructure(toBeSigned: Uint8Array, algorithmDer: Buffer, signature: Uint8Array): Buffer {
  const bits = [headerOf(TAG.bitString, signature.length + 1), Buffer.of(0), signature];
  return enclosed([toBeSigned, algorithmDer, ...bits]);
}

function enclosed(parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([headerOf(TAG.sequence, length), ...parts]);
}

function headerOf(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  const hex = length.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets]);
}
