import { TAG } from "../../shared/der/der-reader.ts";
import type { Subject } from "../domain/csr-facts.ts";
import { type DerWriter, encodeWith } from "./der-writer.ts";
import { isPrintable } from "./directory-strings.ts";
import { OID } from "./object-identifiers.ts";

function typeDer(oid: string): Buffer {
  return Buffer.from(`06${(oid.length / 2).toString(16).padStart(2, "0")}${oid}`, "hex");
}

/**
 * The order in which a subject's attributes are written: as kube-controller-manager 1.36, built with Go 1.26, writes them
 * (older ones have organization and unit behind the country, then locality before province).
 */
const ORDER: readonly { readonly type: Buffer; readonly values: (subject: Subject) => readonly string[] }[] = [
  { type: typeDer(OID.country), values: ({ country }) => country },
  { type: typeDer(OID.province), values: ({ province }) => province },
  { type: typeDer(OID.locality), values: ({ locality }) => locality },
  { type: typeDer(OID.streetAddress), values: ({ streetAddress }) => streetAddress },
  { type: typeDer(OID.postalCode), values: ({ postalCode }) => postalCode },
  { type: typeDer(OID.organization), values: ({ organization }) => organization },
  { type: typeDer(OID.organizationalUnit), values: ({ organizationalUnit }) => organizationalUnit },
  { type: typeDer(OID.commonName), values: ({ commonName }) => (commonName === "" ? [] : [commonName]) },
  { type: typeDer(OID.serialNumber), values: ({ serialNumber }) => (serialNumber === "" ? [] : [serialNumber]) },
];

const REVERSED = ORDER.toReversed();

/** Writes a Name in which all values of one attribute share one multi-valued RDN, sorted as DER sorts a SET OF. */
export function writeName(writer: DerWriter, subject: Subject): void {
  const nameEnd = writer.size;
  for (const { type, values } of REVERSED) {
    const texts = values(subject);
    const [only] = texts;
    if (only === undefined) continue;
    const setEnd = writer.size;
    if (texts.length === 1) writeAttribute(writer, type, only);
    else {
      const encoded = texts.map((text) => encodeWith((scratch) => writeAttribute(scratch, type, text)));
      for (const attribute of encoded.sort((one, other) => other.compare(one))) writer.bytes(attribute);
    }
    writer.wrap(TAG.set, setEnd);
  }
  writer.wrap(TAG.sequence, nameEnd);
}

function writeAttribute(writer: DerWriter, type: Buffer, text: string): void {
  const attributeEnd = writer.size;
  if (isPrintable(text)) {
    writer.text(text, "latin1");
    writer.wrap(TAG.printableString, attributeEnd);
  } else {
    writer.text(text, "utf8");
    writer.wrap(TAG.utf8String, attributeEnd);
  }
  writer.bytes(type);
  writer.wrap(TAG.sequence, attributeEnd);
}
