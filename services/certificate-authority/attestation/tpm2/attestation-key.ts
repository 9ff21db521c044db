import { ATTRIBUTE, keyOf, nameOf, type PublicArea, parsePublic } from "../../../shared/tpm/public-area.ts";
import { denied } from "../refusal.ts";

const { fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign, decrypt, x509sign, encryptedDuplication } =
  ATTRIBUTE;

const REQUIRED = { fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign };
const FORBIDDEN = { decrypt, x509sign, encryptedDuplication };
const CURVES: readonly string[] = ["P-256", "P-384"];

export interface AttestationKey {
  readonly area: PublicArea;
  /** Computed here, of the whole public area: what the caller calls it counts for nothing. */
  readonly name: Buffer;
}

/**
 * Judges whether what this key signs was said by the TPM it lives in. That it lives in one is what credential activation shows;
 * a key that is not restricted would also sign what a program made up.
 *
 * @param tpm2bPublic - TPM2B_PUBLIC.
 * @throws {AttestationRefusal} @throws {TpmError}
 */
export function judgeAttestationKey(tpm2bPublic: Buffer): AttestationKey {
  const area = parsePublic(tpm2bPublic);
  for (const [name, bit] of Object.entries(REQUIRED))
    if ((area.attributes & bit) === 0) throw denied(`the attestation key is not ${name}`);
  for (const [name, bit] of Object.entries(FORBIDDEN))
    if ((area.attributes & bit) !== 0) throw denied(`the attestation key is ${name}`);
  if (area.scheme === undefined) throw denied("the attestation key is bound to no signature scheme");
  if (area.key.type === "ecc" && !CURVES.includes(area.key.curve))
    throw denied(`the attestation key's curve ${area.key.curve} is not P-256 or P-384`);
  // Throws when it is no key at all.
  keyOf(area);
  return { area, name: nameOf(tpm2bPublic) };
}
