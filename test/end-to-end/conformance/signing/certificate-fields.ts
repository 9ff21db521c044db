import { X509Certificate } from "node:crypto";
import { contentOf, DerReader, encodingOf, TAG } from "../../../../services/shared/der/der-reader.ts";

const ONE_BLOCK =
  /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n-----END CERTIFICATE-----\n$/;
const MAXIMUM_SERIAL_OCTETS = 17;
const EXTENSIONS_TAG = 0xa3;

/** When a certificate was made, and by whom. */
export interface Making {
  /** Before it was approved. */
  readonly earliest: Date;
  /** When it was there. */
  readonly latest: Date;
  readonly issuerNotAfter: Date;
}

/** What is compared of a certificate: bytes as hex, and of the serial and the times what they must have in common. */
export function certificateFields(pem: string, making: Making) {
  const { raw, validFromDate, validToDate } = new X509Certificate(pem);
  const whole = DerReader.over(raw).enter(TAG.sequence, "certificate");
  const signed = whole.enter(TAG.sequence, "to be signed");
  const hex = (reader: DerReader): string => encodingOf(reader.readAny("field")).toString("hex");
  return {
    form: ONE_BLOCK.test(pem) ? "one block" : pem,
    version: hex(signed),
    serial: serialShape(contentOf(signed.read(TAG.integer, "serial"))),
    signatureAlgorithm: hex(signed),
    issuer: hex(signed),
    ...validityShape(signed.enter(TAG.sequence, "validity"), validFromDate, validToDate, making),
    subject: hex(signed),
    publicKey: hex(signed),
    extensions: extensionsOf(signed),
    isEnd: signed.isAtEnd(),
    outerSignatureAlgorithm: hex(whole),
  };
}

function serialShape(octets: Buffer) {
  const [first = 0] = octets;
  return {
    isPositive: first < 0x80 && octets.some((octet) => octet !== 0),
    isShort: octets.length <= MAXIMUM_SERIAL_OCTETS,
  };
}

function validityShape(
  validity: DerReader,
  notBefore: Date,
  notAfter: Date,
  { earliest, latest, issuerNotAfter }: Making,
) {
  const forms = [validity.readAny("notBefore").tag, validity.readAny("notAfter").tag];
  const seconds = (instant: Date): number => Math.floor(instant.getTime() / 1000);
  // Both ends follow from one reading of the clock, so that only the first has to be searched.
  const isBackdated = inside(seconds(notBefore) + BACKDATE_SECONDS, seconds(earliest), seconds(latest));
  return {
    forms,
    notBefore: isBackdated ? "five minutes ago" : notBefore.toISOString(),
    lifetime: notAfter.getTime() === issuerNotAfter.getTime() ? "the issuer's" : seconds(notAfter) - seconds(notBefore),
  };
}

const BACKDATE_SECONDS = 300;

function inside(value: number, first: number, last: number): boolean {
  return first <= value && value <= last;
}

function extensionsOf(signed: DerReader): readonly string[] {
  const found: string[] = [];
  const list = signed.enter(EXTENSIONS_TAG, "extensions").enter(TAG.sequence, "extensions");
  while (!list.isAtEnd()) {
    const extension = list.enter(TAG.sequence, "extension");
    const type = encodingOf(extension.read(TAG.objectIdentifier, "type")).toString("hex");
    const critical = extension.readOptional(TAG.boolean, "critical");
    const value = contentOf(extension.read(TAG.octetString, "value")).toString("hex");
    found.push(`${type} ${critical === undefined ? "" : `critical ${contentOf(critical).toString("hex")} `}${value}`);
  }
  return found;
}
