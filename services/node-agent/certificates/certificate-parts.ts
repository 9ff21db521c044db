import { X509Certificate } from "node:crypto";
import { contentOf, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { readNamedBits, readObjectIdentifier, readOptionalBoolean } from "../../shared/der/der-values.ts";
import { AgentError } from "../agent-error.ts";

/** Object identifiers as the lower-case hex of their DER content. */
const KEY_USAGE = "551d0f";
const SUBJECT_ALT_NAME = "551d11";
const EXTENDED_KEY_USAGE = "551d25";
/** Context tags of TBSCertificate (RFC 5280 section 4.1). */
const VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const EXTENSIONS = 0xa3;

/** The certificate API's words for the bits of KeyUsage, in their order (RFC 5280 section 4.2.1.3). */
const KEY_USAGES = [
  ...["digital signature", "content commitment", "key encipherment", "data encipherment", "key agreement"],
  ...["cert sign", "crl sign", "encipher only", "decipher only"],
] as const;

/** Its words for extended key usages. Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go (KeyUsage). */
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  "2.5.29.37.0": "any",
  "1.3.6.1.5.5.7.3.1": "server auth",
  "1.3.6.1.5.5.7.3.2": "client auth",
  "1.3.6.1.5.5.7.3.3": "code signing",
  "1.3.6.1.5.5.7.3.4": "email protection",
  "1.3.6.1.5.5.7.3.8": "timestamping",
  "1.3.6.1.5.5.7.3.9": "ocsp signing",
};

/** What a successor has in common with its certificate. */
export interface CertificateParts {
  readonly certificate: X509Certificate;
  /** DER of the Name. */
  readonly subject: Buffer;
  /** DER of the GeneralNames and whether the extension is critical; undefined without any. */
  readonly subjectAltName: { readonly value: Buffer; readonly isCritical: boolean } | undefined;
  /** As the certificate API calls them. */
  readonly usages: readonly string[];
}

/**
 * Takes a certificate apart.
 *
 * @throws {AgentError} `unusable` when it is none, or has usages that the certificate API has no word for.
 */
export function certificateParts(pem: string, file: string): CertificateParts {
  try {
    const certificate = new X509Certificate(pem);
    const { subject, extensions } = fieldsOf(certificate);
    const extended = extensions.has(EXTENDED_KEY_USAGE) ? extendedOf(certificate) : [];
    const usages = [...keyUsagesOf(extensions.get(KEY_USAGE)?.value), ...extended];
    return { certificate, subject, subjectAltName: extensions.get(SUBJECT_ALT_NAME), usages };
  } catch (cause) {
    const message = `${file} holds no certificate that can be renewed: ${(cause as Error).message}`;
    throw new AgentError("unusable", message, { cause });
  }
}

interface Extension {
  readonly value: Buffer;
  readonly isCritical: boolean;
}

/** @throws {DerError} when the certificate is not what RFC 5280 section 4.1 says. */
function fieldsOf({ raw }: X509Certificate) {
  const signed = DerReader.over(raw).enter(TAG.sequence, "certificate").enter(TAG.sequence, "tbsCertificate");
  signed.readOptional(VERSION, "version");
  for (const what of ["serialNumber", "signature", "issuer", "validity"]) signed.readAny(what);
  const subject = encodingOf(signed.read(TAG.sequence, "subject"));
  signed.readAny("subjectPublicKeyInfo");
  signed.readOptional(ISSUER_UNIQUE_ID, "issuerUniqueID");
  signed.readOptional(SUBJECT_UNIQUE_ID, "subjectUniqueID");
  const extensions = signed.isAtEnd() ? new Map<string, Extension>() : extensionsIn(signed);
  signed.expectEnd("tbsCertificate");
  return { subject, extensions };
}

/** By their object identifiers; of one that comes twice, which RFC 5280 section 4.2 forbids, the first. */
function extensionsIn(signed: DerReader): ReadonlyMap<string, Extension> {
  const list = signed.enter(EXTENSIONS, "extensions").enter(TAG.sequence, "extensions");
  const found = new Map<string, Extension>();
  while (!list.isAtEnd()) {
    const extension = list.enter(TAG.sequence, "extension");
    const id = readObjectIdentifier(extension, "extnID");
    const isCritical = readOptionalBoolean(extension, "critical") ?? false;
    const value = contentOf(extension.read(TAG.octetString, "extnValue"));
    if (!found.has(id)) found.set(id, { value, isCritical });
  }
  return found;
}

function keyUsagesOf(value: Buffer | undefined): readonly string[] {
  const bits = value === undefined ? 0 : readNamedBits(DerReader.over(value), "keyUsage");
  return KEY_USAGES.filter((_, bit) => (bits & (1 << bit)) !== 0);
}

function extendedOf({ keyUsage }: X509Certificate): readonly string[] {
  return keyUsage.map((oid) => {
    const known = EXTENDED_USAGES[oid];
    if (known === undefined) throw new RangeError(`its extended key usage ${oid} cannot be asked for`);
    return known;
  });
}
