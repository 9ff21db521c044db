import { TAG } from "../../shared/der/der-reader.ts";

/** As much of DER (ITU-T X.690) as putting a request together needs: each function makes one element's encoding. */

const LONG_FORM = 0x80;

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

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(TAG.sequence, ...contents);
export const set = (...contents: readonly Uint8Array[]): Buffer => element(TAG.set, ...contents);
export const contextTag = (number: number, ...contents: readonly Uint8Array[]): Buffer =>
  element(0xa0 + number, ...contents);
export const integer = (value: number): Buffer => element(TAG.integer, Buffer.from([value]));
export const octetString = (content: Uint8Array): Buffer => element(TAG.octetString, content);
/** @param text - of letters, digits, blanks and `'()+,-./:=?`. */
export const printableString = (text: string): Buffer => element(TAG.printableString, Buffer.from(text, "latin1"));
export const bitString = (content: Uint8Array): Buffer => element(TAG.bitString, Buffer.from([0]), content);
export const NULL = Buffer.from([0x05, 0x00]);

/** @param dotted - with a first arc of 0 to 2 and a second below 40. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const arcs = rest.flatMap((arc) => {
    const octets = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) octets.unshift(128 + (left % 128));
    return octets;
  });
  return element(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...arcs]));
}
