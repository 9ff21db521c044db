import { createHash, createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import type { KeyAlgorithm } from "../../services/certificate-authority/domain/issuer.ts";
import { attributeDer, extensionDer } from "./csr.ts";
import { bitString, element, pemBlock, sequence, setOf, TAG } from "./der.ts";
import { defaultSignature, generateKey, signWithDefault, type TestKeyAlgorithm } from "./keys.ts";

export interface IssuerArguments {
  readonly commonName?: string;
  /** Whole seconds count. Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in ten years. */
  readonly notAfter?: Date;
  /** Leaves the SubjectKeyIdentifier out, as some imported CAs do. */
  readonly withoutKeyIdentifier?: boolean;
  /** Any number of CAs may be below it, instead of none. */
  readonly withoutPathLength?: boolean;
  /** The octet of the KeyUsage bits, instead of keyCertSign and cRLSign. */
  readonly keyUsage?: number;
  /** Signs the certificate, which signs itself otherwise. */
  readonly parent?: BuiltIssuer;
  /** SubjectPublicKeyInfo of somebody else's key, which the certificate is about. */
  readonly spkiDer?: Uint8Array;
}

export interface BuiltIssuer {
  readonly certificateDer: Buffer;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
  /** The encoded subject, to be the issuer of what it signs. */
  readonly nameDer: Buffer;
}

/** A self-signed CA certificate (pathlen 0, keyCertSign and cRLSign) and its key. */
export function buildIssuer(
  algorithm: KeyAlgorithm | TestKeyAlgorithm = "ecdsa-p256",
  args: IssuerArguments = {},
): BuiltIssuer {
  const { privateKey } = generateKey(algorithm);
  const spki = args.spkiDer ?? createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const signingKey = args.parent?.privateKey ?? privateKey;
  const name = sequence(setOf(attributeDer("2.5.4.3", args.commonName ?? "Gatehouse test CA")));
  const now = Date.now();
  const validity = sequence(
    timeDer(args.notBefore ?? new Date(now - 3_600_000)),
    timeDer(args.notAfter ?? new Date(now + 10 * 365 * 86_400_000)),
  );
  const identifier = createHash("sha1").update(spki).digest();
  const extensions = [
    extensionDer(
      "2.5.29.15",
      element(TAG.bitString, Buffer.from([args.keyUsage === undefined ? 1 : 0, args.keyUsage ?? 0x06])),
      true,
    ),
    extensionDer(
      "2.5.29.19",
      sequence(
        element(TAG.boolean, Buffer.from([0xff])),
        ...(args.withoutPathLength ? [] : [element(TAG.integer, Buffer.from([0]))]),
      ),
      true,
    ),
    ...(args.withoutKeyIdentifier ? [] : [extensionDer("2.5.29.14", element(TAG.octetString, identifier))]),
  ];
  const { algorithmDer } = defaultSignature(signingKey);
  const version = element(0xa0, element(TAG.integer, Buffer.from([2])));
  const serial = element(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)]));
  const tbs = sequence(
    version,
    serial,
    algorithmDer,
    args.parent?.nameDer ?? name,
    validity,
    name,
    spki,
    element(0xa3, sequence(...extensions)),
  );
  const certificateDer = sequence(tbs, algorithmDer, bitString(signWithDefault(signingKey, tbs)));
  return { certificateDer, certificatePem: pemBlock("CERTIFICATE", certificateDer), privateKey, nameDer: name };
}

/** A `Time`; whole seconds count. */
export function timeDer(instant: Date): Buffer {
  const digits = instant.toISOString().replace(/[-:T]/g, "").slice(0, 14);
  const isShort = instant.getUTCFullYear() < 2050;
  return element(isShort ? TAG.utcTime : TAG.generalizedTime, `${isShort ? digits.slice(2) : digits}Z`);
}
