/**
 * As much of DER (ITU-T X.690) as a node needs: taking a certificate apart into the encodings that its successor is
 * to have, and putting a request together.
 */

const LONG_FORM = 0x80;
const MAXIMUM_LENGTH_OCTETS = 4;

export const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const BOOLEAN = 0x01;
const PRINTABLE_STRING = 0x13;

/** One element; `whole` is its encoding with the header. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** @throws {RangeError} when the bytes are not whole elements with definite lengths. */
export function readElements(bytes: Buffer): readonly DerElement[] {
  const found: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const element = readElement(bytes, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

function readElement(bytes: Buffer, start: number): DerElement {
  const tag = byteAt(bytes, start);
  const first = byteAt(bytes, start + 1);
  const lengthOctets = first < LONG_FORM ? 0 : first - LONG_FORM;
  if (first === LONG_FORM || lengthOctets > MAXIMUM_LENGTH_OCTETS) throw new RangeError("no definite length");
  let length = lengthOctets === 0 ? first : 0;
  for (let index = 0; index < lengthOctets; index += 1) length = length * 256 + byteAt(bytes, start + 2 + index);
  const contentStart = start + 2 + lengthOctets;
  const end = contentStart + length;
  if (end > bytes.length) throw new RangeError("an element is cut off");
  return { tag, content: bytes.subarray(contentStart, end), whole: bytes.subarray(start, end) };
}

function byteAt(bytes: Buffer, index: number): number {
  const value = bytes[index];
  if (value === undefined) throw new RangeError("an element is cut off");
  return value;
}

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < LONG_FORM) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([LONG_FORM + octets.length, ...octets]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(SEQUENCE, ...contents);
export const set = (...contents: readonly Uint8Array[]): Buffer => element(SET, ...contents);
export const contextTag = (number: number, ...contents: readonly Uint8Array[]): Buffer =>
  element(0xa0 + number, ...contents);
export const integer = (value: number): Buffer => element(INTEGER, Buffer.from([value]));
export const octetString = (content: Uint8Array): Buffer => element(OCTET_STRING, content);
/** @param text - of letters, digits, blanks and `'()+,-./:=?`. */
export const printableString = (text: string): Buffer => element(PRINTABLE_STRING, Buffer.from(text, "latin1"));
export const bitString = (content: Uint8Array): Buffer => element(BIT_STRING, Buffer.from([0]), content);
export const isBoolean = ({ tag }: DerElement): boolean => tag === BOOLEAN;
export const isObjectIdentifier = ({ tag }: DerElement): boolean => tag === OBJECT_IDENTIFIER;
export const NULL = Buffer.from([0x05, 0x00]);

/** @param dotted - with a first arc of 0 to 2 and a second below 40. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const arcs = rest.flatMap((arc) => {
    const octets = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) octets.unshift(128 + (left % 128));
    return octets;
  });
  return element(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...arcs]));
}
