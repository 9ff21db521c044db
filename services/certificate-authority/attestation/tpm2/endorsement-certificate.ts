import type { X509Certificate } from "node:crypto";
import { contentOf, DerReader, TAG } from "../../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../../shared/der/der-values.ts";
import { EXTENSION } from "../certificate-extensions.ts";
import { issuersAmong, type PathRules, parseCertificate, verifyPath } from "../certificate-path.ts";
import { denied } from "../refusal.ts";

/** tcg-kp-EKCertificate. */
const EK_CERTIFICATE = "2.23.133.8.1";
/** keyEncipherment of RSA keys, keyAgreement of others; bits as in RFC 5280 section 4.2.1.3. */
const ENCRYPTS = (1 << 2) | (1 << 4);
/** directoryName of GeneralName. */
const DIRECTORY_NAME = 0xa4;
const MAXIMUM_TEXT = 256;

/** tcg-at-tpmManufacturer, -tpmModel and -tpmVersion, by the hex of their DER. */
const TPM_ATTRIBUTES = new Map([
  ["6781050201", "tpm_manufacturer"],
  ["6781050202", "tpm_model"],
  ["6781050203", "tpm_version"],
]);

/** What a vendor says about a TPM, by `tpm_manufacturer`, `tpm_model` and `tpm_version`. */
export type TpmDescription = Readonly<Record<string, string>>;

export interface EndorsementRules {
  readonly roots: readonly X509Certificate[];
  /** Known to us, and not trusted by themselves. */
  readonly intermediates: readonly X509Certificate[];
  readonly now: Date;
}

/**
 * Verifies that a vendor certified an endorsement key. Certificates that never expire, in the year 9999, are as usual here as
 * subjects that are empty.
 *
 * @param chain - DER, the endorsement key's first.
 * @throws {AttestationRefusal}
 *
 * Source: TCG EK Credential Profile for TPM Family 2.0, section 3.2.
 */
export function verifyEndorsementCertificate(
  chain: readonly Buffer[],
  { roots, intermediates, now }: EndorsementRules,
): { readonly certificate: X509Certificate; readonly description: TpmDescription } {
  const rules: PathRules = { anchors: roots, now, extendedKeyUsage: EK_CERTIFICATE, keyUsage: ENCRYPTS };
  const { leaf, leafExtensions } = verifyPath(withIntermediates(chain, intermediates), rules);
  const names = leafExtensions.all.get(EXTENSION.subjectAltName);
  const description = names === undefined ? {} : describe(names.value);
  // Whoever marks it as critical means that it has to be understood.
  if (names?.isCritical === true && Object.keys(description).length === 0)
    throw denied("the certificate of the endorsement key has critical names, and none of a TPM");
  return { certificate: leaf, description };
}

/** Adds from ours what may stand between. */
function withIntermediates(chain: readonly Buffer[], ours: readonly X509Certificate[]): readonly Buffer[] {
  return [...chain, ...issuersAmong(ours, chain.map(parseCertificate)).map(({ raw }) => raw)];
}

/** The attributes of TPMs in directory names; other names say nothing that is needed. */
function describe(alternativeNames: Buffer): TpmDescription {
  try {
    return readDescription(alternativeNames);
  } catch (error) {
    throw denied("the names of the endorsement key's certificate cannot be read", error);
  }
}

function readDescription(alternativeNames: Buffer): TpmDescription {
  const outer = DerReader.over(alternativeNames);
  const names = outer.enter(TAG.sequence, "subjectAltName");
  outer.expectEnd("subjectAltName");
  const description: Record<string, string> = {};
  while (!names.isAtEnd()) {
    const name = names.readAny("generalName");
    if (name.tag !== DIRECTORY_NAME) continue;
    const relativeNames = names.within(name, "directoryName").enter(TAG.sequence, "directoryName");
    while (!relativeNames.isAtEnd()) readAttributes(relativeNames.enter(TAG.set, "relativeName"), description);
  }
  return description;
}

function readAttributes(relativeName: DerReader, description: Record<string, string>): void {
  while (!relativeName.isAtEnd()) {
    const attribute = relativeName.enter(TAG.sequence, "attribute");
    const field = TPM_ATTRIBUTES.get(readObjectIdentifier(attribute, "attribute"));
    const value = contentOf(attribute.readAny("attribute"));
    attribute.expectEnd("attribute");
    if (field === undefined) continue;
    if (value.length > MAXIMUM_TEXT || description[field] !== undefined)
      throw new Error(`${field} is too long, or comes twice`);
    description[field] = value.toString("utf8");
  }
}
