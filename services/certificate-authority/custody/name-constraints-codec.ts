import "reflect-metadata";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  NameConstraints as AsnNameConstraints,
  AttributeTypeAndValue,
  AttributeValue,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  Name,
  RelativeDistinguishedName,
} from "@peculiar/asn1-x509";
import { type DirectoryName, type NameConstraints, type NameSubtrees, NO_SUBTREES } from "../domain/name-subtrees.ts";

const RANGE = /^(.+)\/(\d{1,3})$/;
/** The alphabet of PrintableString. Source: X.680 section 41.4. */
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** The value of the extension, DER. Source: RFC 5280 section 4.2.1.10. */
export function encodeNameConstraints({ permitted, excluded }: NameConstraints): ArrayBuffer {
  const [permittedSubtrees, excludedSubtrees] = [toSubtrees(permitted), toSubtrees(excluded)];
  return AsnConvert.serialize(
    new AsnNameConstraints({
      ...(permittedSubtrees.length > 0 && { permittedSubtrees }),
      ...(excludedSubtrees.length > 0 && { excludedSubtrees }),
    }),
  );
}

/** Whether two say the same; none is the same as empty ones. */
export function sameNameConstraints(one: NameConstraints | undefined, other: NameConstraints | undefined): boolean {
  const [left, right] = [one, other].map((constraints) =>
    Buffer.from(encodeNameConstraints(constraints ?? { permitted: NO_SUBTREES, excluded: NO_SUBTREES })),
  );
  return left !== undefined && right !== undefined && left.equals(right);
}

function toSubtrees(subtrees: NameSubtrees): GeneralSubtrees {
  const bases = [
    ...subtrees.dnsNames.map((dNSName) => new GeneralName({ dNSName })),
    ...subtrees.emailAddresses.map((rfc822Name) => new GeneralName({ rfc822Name })),
    ...subtrees.ipRanges.map((iPAddress) => new GeneralName({ iPAddress })),
    ...subtrees.uriHosts.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
    ...subtrees.directoryNames.map((name) => new GeneralName({ directoryName: toName(name) })),
  ];
  return new GeneralSubtrees(bases.map((base) => new GeneralSubtree({ base })));
}

function toName(name: DirectoryName): Name {
  return new Name(
    name.map((attributes) => {
      const pairs = attributes.map(({ type, value: text }) => {
        const value = new AttributeValue(PRINTABLE.test(text) ? { printableString: text } : { utf8String: text });
        return new AttributeTypeAndValue({ type, value });
      });
      return new RelativeDistinguishedName(pairs);
    }),
  );
}

/**
 * Reads the value of the extension.
 *
 * @throws {Error} when it is malformed or says what cannot be honoured: a form of name that is not among the five, a
 *   mask with gaps, a distance.
 */
export function decodeNameConstraints(der: ArrayBuffer): NameConstraints {
  const { permittedSubtrees, excludedSubtrees } = AsnConvert.parse(der, AsnNameConstraints);
  return { permitted: fromSubtrees(permittedSubtrees ?? []), excluded: fromSubtrees(excludedSubtrees ?? []) };
}

function fromSubtrees(subtrees: readonly GeneralSubtree[]): NameSubtrees {
  const found = {
    dnsNames: [] as string[],
    emailAddresses: [] as string[],
    ipRanges: [] as string[],
    uriHosts: [] as string[],
    directoryNames: [] as DirectoryName[],
  };
  for (const { base, minimum, maximum } of subtrees) {
    if (minimum !== 0 || maximum !== undefined) throw new Error("a name constraint has a minimum or maximum distance");
    if (base.dNSName !== undefined) found.dnsNames.push(base.dNSName);
    else if (base.rfc822Name !== undefined) found.emailAddresses.push(base.rfc822Name);
    else if (base.uniformResourceIdentifier !== undefined) found.uriHosts.push(base.uniformResourceIdentifier);
    else if (base.iPAddress !== undefined) found.ipRanges.push(rangeOf(base.iPAddress));
    else if (base.directoryName !== undefined) found.directoryNames.push(fromName(base.directoryName));
    else throw new Error("a name constraint is neither of DNS names, e-mail, URIs, IP addresses nor directory names");
  }
  return found;
}

function rangeOf(text: string): string {
  if (!RANGE.test(text))
    throw new Error(`the name constraint on IP addresses ${text} is no range with a prefix length`);
  return text;
}

/** A Name in terms of the domain. */
export function fromName(name: Name): DirectoryName {
  return name.map((relative) => Array.from(relative, ({ type, value }) => ({ type, value: value.toString() })));
}
