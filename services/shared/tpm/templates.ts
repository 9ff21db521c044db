import {
  ATTRIBUTE,
  coordinateOctets,
  encodePublic,
  type PublicArea,
  type TpmCurve,
  type UniqueKey,
} from "./public-area.ts";

/** PolicySecret of the endorsement hierarchy; SHA-256. */
const POLICY_A = Buffer.from("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa", "hex");
/** That, or a policy that the platform's owner writes; SHA-256 and SHA-384. */
const POLICY_B_SHA256 = Buffer.from("ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0", "hex");
const POLICY_B_SHA384 = Buffer.from(
  "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12",
  "hex",
);

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, adminWithPolicy, noDA, restricted, decrypt, sign } =
  ATTRIBUTE;
const PRIMARY = fixedTPM | fixedParent | sensitiveDataOrigin;
/** Used under its policy alone. */
const LOW_RANGE = PRIMARY | adminWithPolicy | restricted | decrypt;
/** Used with its (empty) password. */
const HIGH_RANGE = LOW_RANGE | userWithAuth;

export interface EndorsementTemplate {
  readonly name: string;
  /** Where a vendor keeps the certificate of the key. */
  readonly nvIndex: number;
  /** What TPM2_CreatePrimary makes the key from. */
  readonly area: PublicArea;
}

/**
 * The standard templates of endorsement keys: from one of them a TPM always makes the same key.
 *
 * Source: TCG EK Credential Profile for TPM Family 2.0, annex B.3.3 and B.3.4 (L-1, L-2), B.4.3 to B.4.7 (H-1, H-2, H-3, H-6).
 */
export const ENDORSEMENT_TEMPLATES = [
  { name: "rsa2048", nvIndex: 0x01c00002, area: rsa("sha256", LOW_RANGE, POLICY_A, 128, 2048, Buffer.alloc(256)) },
  { name: "p256", nvIndex: 0x01c0000a, area: ecc("sha256", LOW_RANGE, POLICY_A, 128, "P-256", Buffer.alloc(32)) },
  { name: "p384", nvIndex: 0x01c00016, area: ecc("sha384", HIGH_RANGE, POLICY_B_SHA384, 256, "P-384") },
  { name: "rsa3072", nvIndex: 0x01c0001c, area: rsa("sha384", HIGH_RANGE, POLICY_B_SHA384, 256, 3072) },
  { name: "rsa2048-high", nvIndex: 0x01c00012, area: rsa("sha256", HIGH_RANGE, POLICY_B_SHA256, 128, 2048) },
  { name: "p256-high", nvIndex: 0x01c00014, area: ecc("sha256", HIGH_RANGE, POLICY_B_SHA256, 128, "P-256") },
] as const satisfies readonly EndorsementTemplate[];

export type EndorsementTemplateName = (typeof ENDORSEMENT_TEMPLATES)[number]["name"];

/**
 * The attestation key that `gatehouse join` makes below the endorsement seed: the same one after a reboot and after
 * TPM2_Clear. `unique` makes it ours: other software does not come by it by accident.
 */
export const ATTESTATION_TEMPLATE: PublicArea = {
  nameAlg: "sha256",
  attributes: PRIMARY | userWithAuth | noDA | restricted | sign,
  authPolicy: Buffer.alloc(0),
  aesBits: undefined,
  scheme: { name: "ecdsa", hash: "sha256" },
  key: {
    type: "ecc",
    curve: "P-256",
    x: Buffer.from("gatehouse node attestation key 1"),
    y: Buffer.alloc(coordinateOctets("P-256")),
  },
};

/** The template that this endorsement key was made from; undefined when it is none of ours. */
export function templateOf(endorsementKey: PublicArea): (typeof ENDORSEMENT_TEMPLATES)[number] | undefined {
  const encoded = encodePublic(endorsementKey);
  return ENDORSEMENT_TEMPLATES.find(({ area }) => {
    const key = filledIn(area.key, endorsementKey.key);
    return key !== undefined && encodePublic({ ...area, key }).equals(encoded);
  });
}

function filledIn(template: UniqueKey, key: UniqueKey): UniqueKey | undefined {
  if (template.type === "rsa" && key.type === "rsa") return { ...template, modulus: key.modulus };
  if (template.type === "ecc" && key.type === "ecc") return { ...template, x: key.x, y: key.y };
  return undefined;
}

function rsa(
  nameAlg: PublicArea["nameAlg"],
  attributes: number,
  authPolicy: Buffer,
  aesBits: number,
  bits: number,
  modulus = Buffer.alloc(0),
): PublicArea {
  return { nameAlg, attributes, authPolicy, aesBits, scheme: undefined, key: { type: "rsa", bits, modulus } };
}

function ecc(
  nameAlg: PublicArea["nameAlg"],
  attributes: number,
  authPolicy: Buffer,
  aesBits: number,
  curve: TpmCurve,
  coordinate = Buffer.alloc(0),
): PublicArea {
  const key = { type: "ecc", curve, x: coordinate, y: coordinate } as const;
  return { nameAlg, attributes, authPolicy, aesBits, scheme: undefined, key };
}
