import type { CertificateIntent } from "../domain/certificate.ts";
import type { Subject } from "../domain/csr-facts.ts";
import { hasNames } from "./certificate-builder.ts";

/** Bits of `CertificateIntent.keyUsage`. Source: RFC 5280 section 4.2.1.3. */
const BIT = {
  digitalSignature: 1,
  nonRepudiation: 2,
  keyEncipherment: 4,
  dataEncipherment: 8,
  keyAgreement: 16,
  keyCertSign: 32,
  crlSign: 64,
  encipherOnly: 128,
  decipherOnly: 256,
} as const;

const SIGNATURES_ONLY = 0x1ff & ~(BIT.digitalSignature | BIT.nonRepudiation | BIT.keyCertSign | BIT.crlSign);

/** Usages that make no sense for a kind of key, by `KeyObject.asymmetricKeyType`. */
const SENSELESS_USAGES: Readonly<Record<string, { readonly bits: number; readonly source: string }>> = {
  rsa: { bits: BIT.keyAgreement | BIT.encipherOnly | BIT.decipherOnly, source: "RFC 3279 section 2.3.1" },
  ec: { bits: BIT.keyEncipherment | BIT.dataEncipherment, source: "RFC 5480 section 3" },
  ed25519: { bits: SIGNATURES_ONLY, source: "RFC 8410 section 5" },
  "ml-dsa-44": { bits: SIGNATURES_ONLY, source: "RFC 9881 section 5" },
  "ml-dsa-65": { bits: SIGNATURES_ONLY, source: "RFC 9881 section 5" },
  "ml-dsa-87": { bits: SIGNATURES_ONLY, source: "RFC 9881 section 5" },
};

/** Upper bounds of RFC 5280 appendix A.1, in characters. */
const BOUNDS: readonly {
  readonly name: string;
  readonly limit: number;
  readonly values: (subject: Subject) => readonly string[];
}[] = [
  { name: "organization", limit: 64, values: ({ organization }) => organization },
  { name: "organizational unit", limit: 64, values: ({ organizationalUnit }) => organizationalUnit },
  { name: "locality", limit: 128, values: ({ locality }) => locality },
  { name: "state or province", limit: 128, values: ({ province }) => province },
  { name: "common name", limit: 64, values: ({ commonName }) => [commonName] },
  { name: "serial number", limit: 64, values: ({ serialNumber }) => [serialNumber] },
];

/**
 * What RFC 5280 and its companions would not have in a certificate that Kubernetes' signers issue all the same, and so
 * do we: a node name that makes the common name too long, or a kubelet that asks for key encipherment with an ECDSA key,
 * must still get its certificate. For the log.
 *
 * @param keyType - `KeyObject.asymmetricKeyType` of the certified key.
 */
export function adviseOn(intent: CertificateIntent, keyType: string | undefined): readonly string[] {
  const { subject, sans, keyUsage } = intent;
  const advice: string[] = [];
  for (const { name, limit, values } of BOUNDS) {
    if (values(subject).some((value) => value.length > limit))
      advice.push(`${name} is longer than ${limit} characters`);
  }
  if (subject.country.some((value) => value.length !== 2)) advice.push("country is no two-letter code");
  const senseless = SENSELESS_USAGES[keyType ?? ""];
  if (senseless !== undefined && (keyUsage & senseless.bits) !== 0) {
    advice.push(`key usage does not suit the kind of key (${senseless.source})`);
  }
  if ((keyUsage & BIT.keyCertSign) !== 0) advice.push("key usage says cert sign, but this is no CA (4.2.1.9)");
  if (!hasNames(sans) && isNameless(subject)) advice.push("neither subject nor alternative names (4.1.2.6)");
  return advice;
}

function isNameless(subject: Subject): boolean {
  return Object.values(subject).every(({ length }) => length === 0);
}
