import type { Subject } from "./csr-facts.ts";
import type { DirectoryName } from "./name-subtrees.ts";

/**
 * Attributes by OID in the order in which the signing room writes a subject; all values of one share a relative name.
 * `short` is OpenSSL's name, for messages.
 */
const ATTRIBUTES: readonly {
  readonly type: string;
  readonly short: string;
  readonly values: (subject: Subject) => readonly string[];
}[] = [
  { type: "2.5.4.6", short: "C", values: ({ country }) => country },
  { type: "2.5.4.8", short: "ST", values: ({ province }) => province },
  { type: "2.5.4.7", short: "L", values: ({ locality }) => locality },
  { type: "2.5.4.9", short: "street", values: ({ streetAddress }) => streetAddress },
  { type: "2.5.4.17", short: "postalCode", values: ({ postalCode }) => postalCode },
  { type: "2.5.4.10", short: "O", values: ({ organization }) => organization },
  { type: "2.5.4.11", short: "OU", values: ({ organizationalUnit }) => organizationalUnit },
  { type: "2.5.4.3", short: "CN", values: ({ commonName }) => (commonName === "" ? [] : [commonName]) },
  { type: "2.5.4.5", short: "serialNumber", values: ({ serialNumber }) => (serialNumber === "" ? [] : [serialNumber]) },
];

const SHORT_NAMES: ReadonlyMap<string, string> = new Map(ATTRIBUTES.map(({ type, short }) => [type, short]));

/** A subject as its certificate has it. */
export function directoryNameOf(subject: Subject): DirectoryName {
  return ATTRIBUTES.map(({ type, values }) => values(subject).map((value) => ({ type, value }))).filter(
    (attributes) => attributes.length > 0,
  );
}

/** For messages: `O=system:nodes, CN=system:node:a`. */
export function showDirectoryName(name: DirectoryName): string {
  return name
    .map((attributes) => attributes.map(({ type, value }) => `${SHORT_NAMES.get(type) ?? type}=${value}`).join(" + "))
    .join(", ");
}

/** Whether `name` begins with all of `start`; attributes are compared as OpenSSL compares names. */
export function startsWithName(name: DirectoryName, start: DirectoryName): boolean {
  return (
    start.length <= name.length && start.every((relative, index) => isSameRelativeName(relative, name[index] ?? []))
  );
}

function isSameRelativeName(one: DirectoryName[number], other: DirectoryName[number]): boolean {
  const [left, right] = [one.map(canonical).toSorted(), other.map(canonical).toSorted()];
  return left.length === right.length && left.every((attribute, index) => attribute === right[index]);
}

/**
 * Without white space around it, with one space for several within, ASCII letters in lower case.
 * Source: RFC 5280 section 7.1; OpenSSL crypto/x509/x_name.c (asn1_string_canon).
 */
function canonical({ type, value }: DirectoryName[number][number]): string {
  const folded = value.replace(/[ \t\n\v\f\r]+/g, " ").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `${type}=${folded.replace(/^ | $/g, "")}`;
}
