import type { Template } from "pkcs11js";
import type { ClassicalAlgorithm } from "../../domain/issuer.ts";

/** Numbers of PKCS #11 that this room uses. Source: PKCS #11 3.1, pkcs11t.h. */
export const CK = {
  classPublicKey: 2,
  classPrivateKey: 3,
  keyTypeRsa: 0,
  keyTypeEc: 3,
  keyTypeEdwards: 0x40,
  attributeClass: 0,
  attributeToken: 1,
  attributePrivate: 2,
  attributeLabel: 3,
  attributeKeyType: 0x100,
  attributeId: 0x102,
  attributeSensitive: 0x103,
  attributeEncrypt: 0x104,
  attributeDecrypt: 0x105,
  attributeWrap: 0x106,
  attributeUnwrap: 0x107,
  attributeSign: 0x108,
  attributeVerify: 0x10a,
  attributeDerive: 0x10c,
  attributeModulus: 0x120,
  attributeModulusBits: 0x121,
  attributePublicExponent: 0x122,
  attributeExtractable: 0x162,
  attributeEcParameters: 0x180,
  attributeEcPoint: 0x181,
  mechanismRsaKeyPair: 0,
  mechanismRsaPkcs: 1,
  mechanismEcKeyPair: 0x1040,
  mechanismEcdsa: 0x1041,
  mechanismEdwardsKeyPair: 0x1055,
  mechanismEddsa: 0x1057,
} as const;

/** CKA_EC_PARAMS as named curves, DER. */
export const CURVES = {
  "P-256": Buffer.from("06082a8648ce3d030107", "hex"),
  "P-384": Buffer.from("06052b81040022", "hex"),
  "P-521": Buffer.from("06052b81040023", "hex"),
  Ed25519: Buffer.from("06032b6570", "hex"),
} as const;

interface KeyMaking {
  readonly mechanism: number;
  readonly publicKey: Template;
}

const rsa = (bits: number): KeyMaking => ({
  mechanism: CK.mechanismRsaKeyPair,
  publicKey: [
    { type: CK.attributeModulusBits, value: bits },
    { type: CK.attributePublicExponent, value: Buffer.from([1, 0, 1]) },
  ],
});

const onCurve = (mechanism: number, parameters: Buffer): KeyMaking => ({
  mechanism,
  publicKey: [{ type: CK.attributeEcParameters, value: parameters }],
});

const KEY_MAKING: Readonly<Record<ClassicalAlgorithm, KeyMaking>> = {
  "ecdsa-p256": onCurve(CK.mechanismEcKeyPair, CURVES["P-256"]),
  "ecdsa-p384": onCurve(CK.mechanismEcKeyPair, CURVES["P-384"]),
  ed25519: onCurve(CK.mechanismEdwardsKeyPair, CURVES.Ed25519),
  "rsa-2048": rsa(2048),
  "rsa-3072": rsa(3072),
  "rsa-4096": rsa(4096),
};

/** What to ask of a token for a pair of keys that sign, stay inside, and can do nothing else. */
export function keyPairTemplates(algorithm: ClassicalAlgorithm, keyLabel: string, id: Buffer) {
  const { mechanism, publicKey } = KEY_MAKING[algorithm];
  const identity: Template = [
    { type: CK.attributeToken, value: true },
    { type: CK.attributeLabel, value: keyLabel },
    { type: CK.attributeId, value: id },
  ];
  return {
    mechanism: { mechanism },
    publicTemplate: [
      ...identity,
      { type: CK.attributePrivate, value: false },
      { type: CK.attributeVerify, value: true },
      ...publicKey,
    ] satisfies Template,
    privateTemplate: [
      ...identity,
      { type: CK.attributePrivate, value: true },
      { type: CK.attributeSensitive, value: true },
      { type: CK.attributeExtractable, value: false },
      { type: CK.attributeSign, value: true },
      { type: CK.attributeDecrypt, value: false },
      { type: CK.attributeUnwrap, value: false },
      { type: CK.attributeDerive, value: false },
    ] satisfies Template,
  };
}
