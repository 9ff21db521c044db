import { TAG } from "../../shared/der/der-reader.ts";
import type { RevocationPointers } from "../domain/revocation-list.ts";
import { GENERAL_NAME } from "./alternative-names-reader.ts";
import { writeExtension, writeObjectIdentifier } from "./der-values-writer.ts";
import { type DerWriter, encodeWith } from "./der-writer.ts";
import { OID } from "./object-identifiers.ts";

const NO_OCTETS = Buffer.alloc(0);
const NULL = Buffer.from("0500", "hex");

/** id-pkix-ocsp-nocheck. Source: RFC 6960 section 4.2.2.2.1. */
export const NO_CHECK: Buffer = encodeWith((writer) =>
  writeExtension(writer, OID.ocspNoCheck, false, () => writer.bytes(NULL)),
);

/** The extensions that say where revocation can be looked up; no octets for what is not configured. */
export function encodePointers({ crlUrl, ocspUrl }: Partial<RevocationPointers> = {}): {
  readonly informationAccess: Buffer;
  readonly distributionPoints: Buffer;
} {
  return {
    informationAccess: ocspUrl === undefined ? NO_OCTETS : encodeInformationAccess(ocspUrl),
    distributionPoints: crlUrl === undefined ? NO_OCTETS : encodeDistributionPoint(crlUrl),
  };
}

/** Source: RFC 5280 section 4.2.2.1. */
function encodeInformationAccess(url: string): Buffer {
  return encodeWith((writer) => {
    writeExtension(writer, OID.authorityInformationAccess, false, () => {
      writeUri(writer, url);
      writeObjectIdentifier(writer, OID.ocsp);
      writer.wrap(TAG.sequence, 0);
      writer.wrap(TAG.sequence, 0);
    });
  });
}

/** One point that has everything. Source: RFC 5280 section 4.2.1.13. */
function encodeDistributionPoint(url: string): Buffer {
  return encodeWith((writer) => {
    writeExtension(writer, OID.crlDistributionPoints, false, () => {
      writeUri(writer, url);
      writer.wrap(0xa0, 0);
      writer.wrap(0xa0, 0);
      writer.wrap(TAG.sequence, 0);
      writer.wrap(TAG.sequence, 0);
    });
  });
}

function writeUri(writer: DerWriter, url: string): void {
  const end = writer.size;
  writer.text(url, "latin1");
  writer.wrap(GENERAL_NAME.uri, end);
}
