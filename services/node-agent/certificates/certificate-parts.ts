import { X509Certificate } from "node:crypto";
import { AgentError } from "../agent-error.ts";
import { type DerElement, isBoolean, isObjectIdentifier, objectIdentifier, readElements, SEQUENCE } from "./der.ts";

const KEY_USAGE = objectIdentifier("2.5.29.15");
const SUBJECT_ALT_NAME = objectIdentifier("2.5.29.17");
const EXTENDED_KEY_USAGE = objectIdentifier("2.5.29.37");
/** Context tags of TBSCertificate (RFC 5280 section 4.1). */
const VERSION = 0xa0;
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
    const [, , , , subject, , ...rest] = fieldsOf(certificate);
    if (subject?.tag !== SEQUENCE) throw new RangeError("it has no subject");
    const extensions = extensionsOf(rest);
    const named = extensions.find(({ id }) => id.equals(SUBJECT_ALT_NAME));
    const keyUsage = extensions.find(({ id }) => id.equals(KEY_USAGE));
    const extended = extensions.find(({ id }) => id.equals(EXTENDED_KEY_USAGE));
    const usages = [...keyUsagesOf(keyUsage?.value), ...(extended === undefined ? [] : extendedOf(certificate))];
    return { certificate, subject: subject.whole, subjectAltName: named, usages };
  } catch (cause) {
    const message = `${file} holds no certificate that can be renewed: ${(cause as Error).message}`;
    throw new AgentError("unusable", message, { cause });
  }
}

/** The fields of TBSCertificate from the serial number on, behind one for the version. */
function fieldsOf({ raw }: X509Certificate): readonly DerElement[] {
  const [outer] = readElements(raw);
  const [signed] = outer === undefined ? [] : readElements(outer.content);
  const fields = signed === undefined ? [] : readElements(signed.content);
  const hasVersion = fields[0]?.tag === VERSION;
  // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, …
  return hasVersion ? fields.slice(1) : fields;
}

interface Extension {
  readonly id: Buffer;
  readonly value: Buffer;
  readonly isCritical: boolean;
}

function extensionsOf(fields: readonly DerElement[]): readonly Extension[] {
  const tagged = fields.find(({ tag }) => tag === EXTENSIONS);
  const [list] = tagged === undefined ? [] : readElements(tagged.content);
  return (list === undefined ? [] : readElements(list.content)).flatMap(({ content }) => {
    const parts = readElements(content);
    const id = parts.find(isObjectIdentifier);
    const value = parts.at(-1);
    return id === undefined || value === undefined
      ? []
      : [{ id: id.whole, value: value.content, isCritical: parts.some(isBoolean) }];
  });
}

/** The content of a BIT STRING begins with how many bits of its last octet are not used. */
function keyUsagesOf(value: Buffer | undefined): readonly string[] {
  const [bits] = value === undefined ? [] : readElements(value);
  const octets = bits?.content.subarray(1) ?? Buffer.alloc(0);
  return KEY_USAGES.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function extendedOf({ keyUsage }: X509Certificate): readonly string[] {
  return keyUsage.map((oid) => {
    const known = EXTENDED_USAGES[oid];
    if (known === undefined) throw new RangeError(`its extended key usage ${oid} cannot be asked for`);
    return known;
  });
}
