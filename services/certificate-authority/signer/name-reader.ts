import { DerError, type DerReader, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../shared/der/der-values.ts";
import type { Subject } from "../domain/csr-facts.ts";
import { readDirectoryString } from "./directory-strings.ts";
import { OID } from "./object-identifiers.ts";

/** More attributes than any subject has; a bound on what one request can make us hold. */
const MAX_ATTRIBUTES = 256;

const LISTS = new Map<string, Exclude<keyof Subject, "commonName" | "serialNumber">>([
  [OID.country, "country"],
  [OID.organization, "organization"],
  [OID.organizationalUnit, "organizationalUnit"],
  [OID.locality, "locality"],
  [OID.province, "province"],
  [OID.streetAddress, "streetAddress"],
  [OID.postalCode, "postalCode"],
]);

export interface ReadName {
  readonly subject: Subject;
  /** Values of the Kubernetes uid attribute. */
  readonly uids: readonly string[];
}

/**
 * Reads a Name: the attributes of `Subject` and Kubernetes' uid, all others checked for form and dropped.
 *
 * @throws {DerError} also when a value of an attribute we keep is of a type that is no string.
 * Source: RFC 5280 section 4.1.2.4; Go src/crypto/x509/pkix/pkix.go (FillFromRDNSequence).
 */
export function readName(name: DerReader, what: string): ReadName {
  const subject = {
    country: [] as string[],
    organization: [] as string[],
    organizationalUnit: [] as string[],
    locality: [] as string[],
    province: [] as string[],
    streetAddress: [] as string[],
    postalCode: [] as string[],
    commonName: "",
    serialNumber: "",
  };
  const uids: string[] = [];
  for (const { type, value } of attributesOf(name, what)) {
    const list = LISTS.get(type);
    const isKept =
      list !== undefined || type === OID.commonName || type === OID.serialNumber || type === OID.kubernetesUid;
    if (!isKept) continue;
    if (value === undefined) throw new DerError(`${what}: attribute value is no supported string`);
    if (list !== undefined) subject[list].push(value);
    else if (type === OID.commonName) subject.commonName = value;
    else if (type === OID.serialNumber) subject.serialNumber = value;
    else uids.push(value);
  }
  return { subject, uids };
}

interface Attribute {
  readonly type: string;
  readonly value: string | undefined;
}

function attributesOf(name: DerReader, what: string): readonly Attribute[] {
  const attributes: Attribute[] = [];
  while (!name.isAtEnd()) {
    const relativeName = name.enter(TAG.set, what);
    while (!relativeName.isAtEnd()) {
      const attribute = relativeName.enter(TAG.sequence, what);
      const type = readObjectIdentifier(attribute, what);
      const value = readDirectoryString(attribute.readAny(what), what);
      attribute.expectEnd(what);
      attributes.push({ type, value });
      if (attributes.length > MAX_ATTRIBUTES) throw new DerError(`${what}: more than ${MAX_ATTRIBUTES} attributes`);
    }
  }
  return attributes;
}
