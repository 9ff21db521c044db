import { DerError, TAG } from "../../../shared/der/der-reader.ts";

/** What metadata services sign is about 5 KiB with a certificate; the schema of proofs takes no more than this either. */
const MAXIMUM_BYTES = 16 * 1024;
/** A certificate inside SignedData reaches 13. */
const MAXIMUM_DEPTH = 16;

const CONSTRUCTED = 0x20;
const UNIVERSAL_CLASS = 0x00;
const CLASS_BITS = 0xc0;
const CHUNKED_OCTET_STRING = TAG.octetString | CONSTRUCTED;
const INDEFINITE = 0x80;

interface Encoded {
  readonly der: Buffer;
  readonly end: number;
}

/**
 * One BER value as the DER that the strict reader takes: lengths in their shortest definite form, chunked OCTET STRINGs in
 * one piece. Contents are neither read nor reordered: whatever else is no DER is left for the reader to refuse.
 *
 * Source: ITU-T X.690 sections 8.1 and 8.7; RFC 5652 has CMS in BER but for signed attributes and certificates.
 *
 * @throws {DerError} for anything after the value, more than 16 KiB, more than 16 levels, and constructed strings of any
 * other type.
 */
export function derOfBer(bytes: Buffer): Buffer {
  if (bytes.length > MAXIMUM_BYTES) throw new DerError(`longer than ${MAXIMUM_BYTES} bytes`);
  const { der, end } = encode(bytes, 0, bytes.length, 0);
  if (end !== bytes.length) throw new DerError("trailing data");
  return der;
}

/** @param limit - where the enclosing value ends, or what we were given. */
function encode(bytes: Buffer, start: number, limit: number, depth: number): Encoded {
  if (depth === MAXIMUM_DEPTH) throw new DerError("nested too deeply");
  const tag = bytes[start];
  if (tag === undefined || start + 2 > limit) throw new DerError("truncated");
  if ((tag & 0x1f) === 0x1f) throw new DerError("tag numbers above 30 are not supported");
  if (tag === 0) throw new DerError("an end of contents without a beginning");
  const { contentStart, length } = readLength(bytes, start + 1, limit);
  if ((tag & CONSTRUCTED) === 0) {
    if (length === undefined) throw new DerError("a primitive value of indefinite length");
    return { der: element(tag, [bytes.subarray(contentStart, contentStart + length)]), end: contentStart + length };
  }
  const { parts, end } = encodeParts(bytes, contentStart, length, limit, depth);
  if (tag === CHUNKED_OCTET_STRING) return { der: element(TAG.octetString, parts.map(chunkOf)), end };
  const isUniversal = (tag & CLASS_BITS) === UNIVERSAL_CLASS;
  if (isUniversal && tag !== TAG.sequence && tag !== TAG.set) throw new DerError("a constructed string");
  return { der: element(tag, parts), end };
}

function encodeParts(bytes: Buffer, start: number, length: number | undefined, limit: number, depth: number) {
  const end = length === undefined ? limit : start + length;
  const parts: Buffer[] = [];
  let at = start;
  while (length === undefined ? !isEndOfContents(bytes, at, limit) : at < end) {
    const part = encode(bytes, at, end, depth + 1);
    parts.push(part.der);
    at = part.end;
  }
  return { parts, end: length === undefined ? at + 2 : end };
}

function isEndOfContents(bytes: Buffer, at: number, limit: number): boolean {
  return at + 2 <= limit && bytes[at] === 0 && bytes[at + 1] === 0;
}

/** The content of an OCTET STRING that `encode` wrote: chunks of chunks became one before. */
function chunkOf(der: Buffer): Buffer {
  if (der[0] !== TAG.octetString) throw new DerError("a chunk is no OCTET STRING");
  return der.subarray(readLength(der, 1, der.length).contentStart);
}

/** @returns `length` undefined when it is indefinite. */
function readLength(bytes: Buffer, at: number, limit: number) {
  const first = bytes[at] ?? 0;
  if (first === INDEFINITE) return { contentStart: at + 1, length: undefined };
  const octets = first > INDEFINITE ? first & 0x7f : 0;
  // BER may pad a length, but nobody writes more than four octets.
  if (octets > 4 || at + 1 + octets > limit) throw new DerError("truncated");
  const contentStart = at + 1 + octets;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 1, octets);
  if (contentStart + length > limit) throw new DerError("truncated");
  return { contentStart, length };
}

function element(tag: number, contents: readonly Buffer[]): Buffer {
  const length = contents.reduce((sum, { length }) => sum + length, 0);
  const octets = length < 0x80 ? 0 : length < 0x100 ? 1 : 2;
  const head = Buffer.alloc(2 + octets);
  head[0] = tag;
  if (octets === 0) head[1] = length;
  else {
    head[1] = 0x80 | octets;
    head.writeUIntBE(length, 2, octets);
  }
  return Buffer.concat([head, ...contents]);
}
