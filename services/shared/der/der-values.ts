import { contentOf, type DerElement, DerError, type DerReader, TAG } from "./der-reader.ts";

/**
 * The content octets of an OBJECT IDENTIFIER as lower-case hex: what `object-identifiers.ts` names and compares.
 * @throws {DerError} when an arc is cut off or not in its shortest form.
 */
export function readObjectIdentifier(reader: DerReader, what: string): string {
  const { bytes, contentStart, end } = reader.read(TAG.objectIdentifier, what);
  let isArcStart = true;
  for (let at = contentStart; at < end; at += 1) {
    const octet = bytes[at] ?? 0;
    if (isArcStart && octet === 0x80) throw new DerError(`${what}: object identifier is not minimal`);
    isArcStart = octet < 0x80;
  }
  if (contentStart === end || !isArcStart) throw new DerError(`${what}: truncated object identifier`);
  return bytes.toString("hex", contentStart, end);
}

/** Two's complement content octets, in their shortest form. */
export function readInteger(reader: DerReader, what: string): Buffer {
  const content = contentOf(reader.read(TAG.integer, what));
  const first = content[0];
  const second = content[1];
  if (first === undefined) throw new DerError(`${what}: empty integer`);
  const isPadded = second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (isPadded) throw new DerError(`${what}: integer is not minimal`);
  return content;
}

/** The magnitude of an integer above zero, without a leading zero octet. */
export function readPositiveInteger(reader: DerReader, what: string): Buffer {
  const content = readInteger(reader, what);
  if ((content[0] ?? 0) >= 0x80 || (content.length === 1 && content[0] === 0)) {
    throw new DerError(`${what}: not a positive integer`);
  }
  return content[0] === 0 ? content.subarray(1) : content;
}

/** An integer that fits in 31 bits and is not negative. */
export function readSmallInteger(reader: DerReader, what: string): number {
  const content = readInteger(reader, what);
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw new DerError(`${what}: out of range`);
  return content.readUIntBE(0, content.length);
}

/** `undefined` when the next element is no BOOLEAN. An encoded default is tolerated: some encoders write it. */
export function readOptionalBoolean(reader: DerReader, what: string): boolean | undefined {
  const element = reader.readOptional(TAG.boolean, what);
  if (element === undefined) return undefined;
  const content = contentOf(element);
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff))
    throw new DerError(`${what}: not a boolean`);
  return content[0] === 0xff;
}

/** A BIT STRING of whole octets, as keys and signatures are. */
export function readOctetAlignedBits(reader: DerReader, what: string): Buffer {
  const content = contentOf(reader.read(TAG.bitString, what));
  if (content[0] !== 0) throw new DerError(`${what}: not a whole number of octets`);
  return content.subarray(1);
}

/** Named bits as a number whose bit n is 2^n; at most 16 of them, unused bits zero. */
export function readNamedBits(reader: DerReader, what: string): number {
  const content = contentOf(reader.read(TAG.bitString, what));
  const [unused = 0, ...octets] = content;
  if (content.length === 0 || content.length > 3 || unused > (octets.length === 0 ? 0 : 7)) {
    throw new DerError(`${what}: malformed bits`);
  }
  if (((octets.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) throw new DerError(`${what}: unused bits are set`);
  let bits = 0;
  for (let bit = 0; bit < octets.length * 8; bit += 1) {
    if ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) bits |= 1 << bit;
  }
  return bits;
}

const UTC_TIME_OCTETS = 13;
const GENERALIZED_TIME_OCTETS = 15;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * UTCTime or GeneralizedTime, always in whole seconds and UTC.
 * Source: RFC 5280 sections 4.1.2.5.1 (two-digit years from 50 on belong to the 20th century) and 4.1.2.5.2.
 */
export function readTime(reader: DerReader, what: string): Date {
  const { bytes, tag, contentStart, end } = reader.readAny(what);
  const isShort = tag === TAG.utcTime;
  if (!isShort && tag !== TAG.generalizedTime) throw new DerError(`${what}: not a time`);
  const isWellFormed =
    end - contentStart === (isShort ? UTC_TIME_OCTETS : GENERALIZED_TIME_OCTETS) && bytes[end - 1] === 0x5a;
  const century = isShort ? undefined : twoDigits(bytes, contentStart);
  const at = isShort ? contentStart : contentStart + 2;
  const yearOfCentury = twoDigits(bytes, at);
  const year = (century ?? (yearOfCentury < 50 ? 20 : 19)) * 100 + yearOfCentury;
  const month = twoDigits(bytes, at + 2);
  const day = twoDigits(bytes, at + 4);
  const hour = twoDigits(bytes, at + 6);
  const minute = twoDigits(bytes, at + 8);
  const second = twoDigits(bytes, at + 10);
  // Written so that NaN, the value of anything but two digits, fails.
  const isValid = day >= 1 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60;
  if (!isWellFormed || !isValid) throw new DerError(`${what}: not a valid time`);
  const instant = new Date(0);
  // Date.UTC would take the years 0 to 99 for those of the 20th century.
  instant.setUTCFullYear(year, month - 1, day);
  instant.setUTCHours(hour, minute, second);
  return instant;
}

function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const units = (bytes[at + 1] ?? 0) - 0x30;
  const areDigits = tens >= 0 && tens <= 9 && units >= 0 && units <= 9;
  return areDigits ? tens * 10 + units : Number.NaN;
}

/** NaN, which no day is at most, for what is no month. */
function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? Number.NaN);
}

/** Whether two byte ranges are equal. */
export function isSameEncoding(one: DerElement, other: Uint8Array): boolean {
  return one.end - one.start === other.length && one.bytes.compare(other, 0, other.length, one.start, one.end) === 0;
}
