import { contentOf, type DerElement, DerError, TAG } from "../../shared/der/der-reader.ts";

/** Reading is as lenient as Go's: `*` and `&` are no PrintableString characters, but common in the wild. */
const NOT_PRINTABLE = /[^A-Za-z0-9 '()+,\-./:=?*&]/;
const NOT_STRICTLY_PRINTABLE = /[^A-Za-z0-9 '()+,\-./:=?]/;
const NOT_NUMERIC = /[^0-9 ]/;
const NOT_SEVEN_BIT = /[^\p{ASCII}]/u;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });

export function isSevenBit(text: string): boolean {
  return !NOT_SEVEN_BIT.test(text);
}

/** Whether Go writes `text` as PrintableString; everything else becomes UTF8String. */
export function isPrintable(text: string): boolean {
  return !NOT_STRICTLY_PRINTABLE.test(text);
}

/**
 * The text of a directory string; undefined when the element is of no string type that we know.
 * A T61String must be seven-bit: beyond that nobody agrees what its octets mean.
 *
 * @throws {DerError} when the octets are not what the type allows.
 * Source: ITU-T X.680 section 41; Go src/encoding/asn1/asn1.go.
 */
export function readDirectoryString(element: DerElement, what: string): string | undefined {
  const { bytes, tag, contentStart, end } = element;
  switch (tag) {
    case TAG.printableString:
      return without(NOT_PRINTABLE, bytes.toString("latin1", contentStart, end), what);
    case TAG.numericString:
      return without(NOT_NUMERIC, bytes.toString("latin1", contentStart, end), what);
    case TAG.ia5String:
    case TAG.t61String:
      return without(NOT_SEVEN_BIT, bytes.toString("latin1", contentStart, end), what);
    case TAG.utf8String:
      return decoded(utf8, contentOf(element), what);
    case TAG.bmpString:
      return decoded(utf16, withoutTerminator(contentOf(element)), what);
    default:
      return undefined;
  }
}

/** Some encoders end a BMPString with a NUL character. */
function withoutTerminator(content: Buffer): Buffer {
  const isTerminated =
    content.length >= 2 && content.length % 2 === 0 && content.readUInt16BE(content.length - 2) === 0;
  return isTerminated ? content.subarray(0, -2) : content;
}

function without(forbidden: RegExp, text: string, what: string): string {
  if (forbidden.test(text)) throw new DerError(`${what}: character not allowed in its string type`);
  return text;
}

function decoded(decoder: TextDecoder, content: Buffer, what: string): string {
  try {
    return decoder.decode(content);
  } catch {
    throw new DerError(`${what}: malformed string`);
  }
}
