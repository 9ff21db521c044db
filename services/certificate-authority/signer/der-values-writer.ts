import { TAG } from "../../shared/der/der-reader.ts";
import type { DerWriter } from "./der-writer.ts";

/** UTCTime through 2049, GeneralizedTime from 2050 on. Source: RFC 5280 sections 4.1.2.5 and 5.1.2.4. */
export function writeTime(writer: DerWriter, instant: Date): void {
  const iso = instant.toISOString();
  const isShort = iso >= "1950" && iso < "2050";
  if (isShort) writeDigits(writer, TAG.utcTime, iso.slice(2, 4), iso);
  else writeDigits(writer, TAG.generalizedTime, iso.slice(0, 4), iso);
}

/** Always with four digits of the year, without fractions. Source: RFC 6960 section 4.2.2.1. */
export function writeGeneralizedTime(writer: DerWriter, instant: Date): void {
  const iso = instant.toISOString();
  writeDigits(writer, TAG.generalizedTime, iso.slice(0, 4), iso);
}

function writeDigits(writer: DerWriter, tag: number, year: string, iso: string): void {
  const end = writer.size;
  const clock = iso.slice(11, 13) + iso.slice(14, 16) + iso.slice(17, 19);
  writer.text(`${year}${iso.slice(5, 7)}${iso.slice(8, 10)}${clock}Z`, "latin1");
  writer.wrap(tag, end);
}

/** A positive INTEGER in its shortest form, from its magnitude. */
export function writePositiveInteger(writer: DerWriter, magnitude: Uint8Array): void {
  const end = writer.size;
  const significant = magnitude.findIndex((octet) => octet !== 0);
  writer.bytes(magnitude.subarray(significant < 0 ? magnitude.length - 1 : significant));
  if ((magnitude[significant] ?? 0) >= 0x80) writer.octet(0);
  writer.wrap(TAG.integer, end);
}

/** The same of a number below 2^53. */
export function writeNumber(writer: DerWriter, value: number): void {
  const magnitude = Buffer.alloc(8);
  magnitude.writeBigUInt64BE(BigInt(value));
  writePositiveInteger(writer, magnitude);
}

export function writeObjectIdentifier(writer: DerWriter, oid: string): void {
  const end = writer.size;
  writer.bytes(Buffer.from(oid, "hex"));
  writer.wrap(TAG.objectIdentifier, end);
}

const TRUE = Buffer.from("0101ff", "hex");

/** An extension whose value `write` writes. */
export function writeExtension(writer: DerWriter, oid: string, isCritical: boolean, write: () => void): void {
  const end = writer.size;
  write();
  writer.wrap(TAG.octetString, end);
  if (isCritical) writer.bytes(TRUE);
  writeObjectIdentifier(writer, oid);
  writer.wrap(TAG.sequence, end);
}
