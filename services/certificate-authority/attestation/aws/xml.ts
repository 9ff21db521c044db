import { denied } from "../refusal.ts";

/** An element holds other elements or text, never both. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** What EC2 says of an instance has 13 levels. */
const MAXIMUM_DEPTH = 24;

const DECLARATION = /\s*(?:<\?xml version="1\.0"(?: encoding="(?:UTF-8|utf-8)")?\s*\?>)?\s*/y;
/** Names without prefixes; no attribute but the default namespace. */
const START = /<([A-Za-z_][A-Za-z0-9_.-]{0,127})(?:\s+xmlns="[^"<&]{0,256}")?\s*(\/?)>/y;
const END = /<\/([A-Za-z_][A-Za-z0-9_.-]{0,127})\s*>/y;
const TEXT = /[^<]*/y;
const REFERENCE = /&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));|&/g;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Reads the plain XML that AWS answers with. No document types, comments, sections, processing instructions or prefixes:
 * what readers could take in several ways is not taken at all.
 *
 * @throws {AttestationRefusal} for anything else.
 */
export function readXml(text: string): XmlElement {
  const cursor = new Cursor(text);
  cursor.match(DECLARATION);
  const root = readElement(cursor, 0);
  if (cursor.match(TEXT)?.[0].trim() !== "" || !cursor.isAtEnd()) throw malformed("something follows the element");
  return root;
}

function readElement(cursor: Cursor, depth: number): XmlElement {
  if (depth === MAXIMUM_DEPTH) throw malformed("nested too deeply");
  const start = cursor.match(START);
  if (start === null) throw malformed("an element was expected");
  const [, name = "", isEmpty] = start;
  if (isEmpty === "/") return { name, text: "", children: [] };
  const children: XmlElement[] = [];
  let text = "";
  for (;;) {
    text += cursor.match(TEXT)?.[0] ?? "";
    const end = cursor.match(END);
    if (end !== null) {
      if (end[1] !== name) throw malformed(`${name} is not closed`);
      if (children.length > 0 && text.trim() !== "") throw malformed(`${name} mixes text and elements`);
      return { name, text: children.length > 0 ? "" : decode(text), children };
    }
    children.push(readElement(cursor, depth + 1));
  }
}

function decode(text: string): string {
  return text.replace(REFERENCE, (whole, named?: string, decimal?: string, hex?: string) => {
    if (named !== undefined) return NAMED[named] ?? "";
    const point = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
    if (!(point <= 0x10ffff)) throw malformed(`the reference ${JSON.stringify(whole)}`);
    return String.fromCodePoint(point);
  });
}

class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** @param pattern - sticky. */
  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}

/** @throws {AttestationRefusal} when there are several. */
export function findChild(element: XmlElement, name: string): XmlElement | undefined {
  const found = element.children.filter((child) => child.name === name);
  if (found.length > 1) throw malformed(`${element.name} has several ${name}`);
  return found[0];
}

/** @throws {AttestationRefusal} when there is none, or there are several. */
export function childOf(element: XmlElement, name: string): XmlElement {
  const found = findChild(element, name);
  if (found === undefined) throw malformed(`${element.name} has no ${name}`);
  return found;
}

function malformed(what: string): Error {
  return denied(`what AWS answered is no XML that is taken here: ${what}`);
}
