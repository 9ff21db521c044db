import { contentOf, type DerElement, DerError, type DerReader, TAG } from "../../shared/der/der-reader.ts";
import type { SubjectAltNames } from "../domain/csr-facts.ts";
import { formatIpAddress } from "../domain/ip-address.ts";
import { isSevenBit } from "./directory-strings.ts";
import { normalizeUri } from "./uri.ts";

/** More names than any node has; a bound on what one request can make us hold. */
const MAX_NAMES = 4096;

/** Context-specific tags of GeneralName. Source: RFC 5280 section 4.2.1.6. */
export const GENERAL_NAME = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

/**
 * Reads the GeneralNames of a subjectAltName extension. Kinds other than the four of `SubjectAltNames` are dropped.
 *
 * @throws {DerError} for text that is not seven-bit, an address not of 4 or 16 octets, or a URI that does not parse.
 * Source: Go src/crypto/x509/parser.go (parseSANExtension).
 */
export function readAlternativeNames(extension: DerReader): SubjectAltNames {
  const what = "subjectAltName";
  const names = extension.enter(TAG.sequence, what);
  extension.expectEnd(what);
  const dnsNames: string[] = [];
  const emailAddresses: string[] = [];
  const ipAddresses: string[] = [];
  const uris: string[] = [];
  for (let count = 1; !names.isAtEnd(); count += 1) {
    if (count > MAX_NAMES) throw new DerError(`${what}: more than ${MAX_NAMES} names`);
    const name = names.readAny(what);
    if (name.tag === GENERAL_NAME.dns) dnsNames.push(readText(name, "DNS name"));
    else if (name.tag === GENERAL_NAME.email) emailAddresses.push(readText(name, "email address"));
    else if (name.tag === GENERAL_NAME.ip) ipAddresses.push(readAddress(name));
    else if (name.tag === GENERAL_NAME.uri) uris.push(readUri(name));
  }
  return { dnsNames, emailAddresses, ipAddresses, uris };
}

function readText({ bytes, contentStart, end }: DerElement, kind: string): string {
  const text = bytes.toString("latin1", contentStart, end);
  if (!isSevenBit(text)) throw new DerError(`subjectAltName: ${kind} is not ASCII`);
  return text;
}

function readAddress(name: DerElement): string {
  const address = formatIpAddress(contentOf(name));
  if (address === undefined) throw new DerError("subjectAltName: IP address is not of 4 or 16 octets");
  return address;
}

function readUri(name: DerElement): string {
  const uri = normalizeUri(readText(name, "URI"));
  if (uri === undefined) throw new DerError("subjectAltName: URI does not parse");
  return uri;
}
