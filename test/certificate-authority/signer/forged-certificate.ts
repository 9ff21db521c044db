import { attributeDer, extensionDer } from "../../builders/csr.ts";
import { bitString, element, oid, sequence, setOf, TAG } from "../../builders/der.ts";
import type { BuiltIssuer } from "../../builders/issuer.ts";
import { defaultSignature, signWithDefault } from "../../builders/keys.ts";

const TRUE = Buffer.from([0xff]);

/** The parts of a leaf as DER, each replaceable; the whole is signed by the issuer's key as it then stands. */
export interface LeafParts {
  readonly version: Buffer;
  readonly serial: Buffer;
  readonly innerAlgorithm: Buffer;
  readonly outerAlgorithm: Buffer;
  readonly issuer: Buffer;
  readonly validity: Buffer;
  readonly subject: Buffer;
  readonly spki: Buffer;
  readonly uniqueIdentifiers: Buffer;
  readonly extensions: readonly Buffer[];
  /** Octets behind the certificate. */
  readonly tail: Buffer;
  readonly signature: Buffer | undefined;
}

export const UTC = (digits: string): Buffer => element(TAG.utcTime, `${digits}Z`);

/** Extensions of the sound leaf, by what they are. */
export const EXTENSIONS = {
  keyUsage: (bits = "0780", critical = true): Buffer =>
    extensionDer("2.5.29.15", element(TAG.bitString, Buffer.from(bits, "hex")), critical),
  purposes: (...oids: readonly string[]): Buffer => extensionDer("2.5.29.37", sequence(...oids.map(oid))),
  constraints: (value = sequence(), critical = true): Buffer => extensionDer("2.5.29.19", value, critical),
  authority: (keyIdentifier: Buffer): Buffer => extensionDer("2.5.29.35", sequence(element(0x80, keyIdentifier))),
  names: (value: Buffer = sequence(element(0x82, "worker-1")), critical = false): Buffer =>
    extensionDer("2.5.29.17", value, critical),
} as const;

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const AUTHORITY_CONSTRAINTS = sequence(element(TAG.boolean, TRUE));

/** A leaf that says what `buildIntent()` with DNS name `worker-1` and the validity 2026-01-01 … 2027-01-01 says. */
export function forgeCertificate(
  issuer: BuiltIssuer & { readonly nameDer: Buffer; readonly keyIdentifier: Buffer },
  spki: Uint8Array,
  changes: Partial<LeafParts> = {},
): Buffer {
  const { algorithmDer } = defaultSignature(issuer.privateKey);
  const parts: LeafParts = {
    version: element(0xa0, element(TAG.integer, Buffer.from([2]))),
    serial: element(TAG.integer, Buffer.from([5])),
    innerAlgorithm: algorithmDer,
    outerAlgorithm: algorithmDer,
    issuer: issuer.nameDer,
    validity: sequence(UTC("260101000000"), UTC("270101000000")),
    subject: sequence(
      setOf(attributeDer("2.5.4.10", "system:nodes", TAG.printableString)),
      setOf(attributeDer("2.5.4.3", "system:node:worker-1", TAG.printableString)),
    ),
    spki: Buffer.from(spki),
    uniqueIdentifiers: Buffer.alloc(0),
    extensions: [
      EXTENSIONS.keyUsage(),
      EXTENSIONS.purposes(CLIENT_AUTH),
      EXTENSIONS.constraints(),
      EXTENSIONS.authority(issuer.keyIdentifier),
      EXTENSIONS.names(),
    ],
    tail: Buffer.alloc(0),
    signature: undefined,
    ...changes,
  };
  const { version, serial, innerAlgorithm, validity, subject, uniqueIdentifiers } = parts;
  const extensions = parts.extensions.length > 0 ? element(0xa3, sequence(...parts.extensions)) : Buffer.alloc(0);
  const tbs = sequence(
    version,
    serial,
    innerAlgorithm,
    parts.issuer,
    validity,
    subject,
    parts.spki,
    uniqueIdentifiers,
    extensions,
  );
  const signature = parts.signature ?? signWithDefault(issuer.privateKey, tbs);
  return Buffer.concat([sequence(tbs, parts.outerAlgorithm, bitString(signature)), parts.tail]);
}
