import { contentOf, DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../shared/der/der-values.ts";
import { GENERAL_NAME } from "./alternative-names-reader.ts";
import { OID } from "./object-identifiers.ts";

/** The URL of an AuthorityInformationAccess that names one OCSP responder and nothing else; undefined for any other. */
export function responderUrlIn(value: Buffer): string | undefined {
  const outer = DerReader.over(value);
  const list = outer.enter(TAG.sequence, "authorityInformationAccess");
  const access = list.enter(TAG.sequence, "accessDescription");
  if (readObjectIdentifier(access, "accessMethod") !== OID.ocsp) return undefined;
  const url = contentOf(access.read(GENERAL_NAME.uri, "accessLocation")).toString("latin1");
  return access.isAtEnd() && list.isAtEnd() && outer.isAtEnd() ? url : undefined;
}

/** The URL of CRLDistributionPoints that have one point with one name and nothing else; undefined for any other. */
export function listUrlIn(value: Buffer): string | undefined {
  const outer = DerReader.over(value);
  const points = outer.enter(TAG.sequence, "cRLDistributionPoints");
  const point = points.enter(TAG.sequence, "distributionPoint");
  const name = point.enter(0xa0, "distributionPointName");
  const fullName = name.enter(0xa0, "fullName");
  const url = contentOf(fullName.read(GENERAL_NAME.uri, "uniformResourceIdentifier")).toString("latin1");
  const isAll = [fullName, name, point, points, outer].every((reader) => reader.isAtEnd());
  return isAll ? url : undefined;
}
