import { hash, type KeyObject, X509Certificate } from "node:crypto";
import { encodingOf } from "../../shared/der/der-reader.ts";
import type { IssuerDescription } from "../domain/issuer.ts";
import type { RevocationPointers } from "../domain/revocation-list.ts";
import { readExtensionFacts, readOneCertificate, serialHex } from "./certificate-reader.ts";
import { encodePem } from "./pem.ts";
import { importPublicKey } from "./public-key.ts";

/** What signing under a CA certificate needs to know of it. Holds no private key. */
export interface IssuerCertificate {
  readonly description: IssuerDescription;
  /** The same certificate as `node:crypto` reads it. */
  readonly parsed: X509Certificate;
  readonly publicKey: KeyObject;
  /** Its subject, byte for byte: the issuer of what it signs. */
  readonly nameDer: Buffer;
  readonly keyIdentifier: Buffer | undefined;
  readonly signature: IssuerSignature;
  /** Whether its key usage lets it sign CRLs. */
  readonly maySignLists: boolean;
  /** What its certificates say about that; nothing when undefined. */
  readonly pointers: RevocationPointers | undefined;
}

/** The one algorithm a CA key signs with: Go's default for its kind. */
export interface IssuerSignature {
  /** AlgorithmIdentifier. */
  readonly algorithmDer: Buffer;
  /** Null for Ed25519 and ML-DSA, which hash by themselves. */
  readonly digest: "sha256" | "sha384" | "sha512" | null;
}

const SIGNATURES = {
  rsa: { algorithmDer: Buffer.from("300d06092a864886f70d01010b0500", "hex"), digest: "sha256" },
  prime256v1: { algorithmDer: Buffer.from("300a06082a8648ce3d040302", "hex"), digest: "sha256" },
  secp384r1: { algorithmDer: Buffer.from("300a06082a8648ce3d040303", "hex"), digest: "sha384" },
  secp521r1: { algorithmDer: Buffer.from("300a06082a8648ce3d040304", "hex"), digest: "sha512" },
  ed25519: { algorithmDer: Buffer.from("300506032b6570", "hex"), digest: null },
  "ml-dsa-44": { algorithmDer: Buffer.from("300b0609608648016503040311", "hex"), digest: null },
  "ml-dsa-65": { algorithmDer: Buffer.from("300b0609608648016503040312", "hex"), digest: null },
  "ml-dsa-87": { algorithmDer: Buffer.from("300b0609608648016503040313", "hex"), digest: null },
} as const satisfies Record<string, IssuerSignature>;

/** Bit 6. Source: RFC 5280 section 4.2.1.3. */
const CRL_SIGN = 64;

const CURVE_NAMES = { prime256v1: "ecdsa-p256", secp384r1: "ecdsa-p384", secp521r1: "ecdsa-p521" } as const;

/**
 * Reads a CA certificate for signing under it.
 *
 * @throws {TypeError} when it may not sign or its kind of key is not supported.
 * @throws {DerError} when it is malformed.
 * Source: Go src/crypto/x509/x509.go (signingParamsForKey); RFC 9881 section 2.
 */
export function loadIssuerCertificate(certificateDer: Uint8Array, pointers?: RevocationPointers): IssuerCertificate {
  const der = Buffer.from(certificateDer);
  const fields = readOneCertificate(der);
  const { isAuthority, subjectKeyIdentifier, keyUsage } = readExtensionFacts(fields.extensions);
  if (!isAuthority) throw new TypeError("the issuer's certificate is no CA certificate");
  const publicKey = importPublicKey(encodingOf(fields.spki));
  const { keyAlgorithm, signature } = signatureOf(publicKey);
  const description: IssuerDescription = {
    id: hash("sha256", der),
    commonName: fields.name.subject.commonName,
    keyAlgorithm,
    certificateDer: der,
    certificatePem: encodePem("CERTIFICATE", der),
    serial: serialHex(fields.serial),
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
  };
  const nameDer = Buffer.from(encodingOf(fields.subject));
  const keyIdentifier = subjectKeyIdentifier?.length ? subjectKeyIdentifier : undefined;
  const maySignLists = keyUsage === 0 || (keyUsage & CRL_SIGN) !== 0;
  return {
    description,
    parsed: new X509Certificate(der),
    publicKey,
    nameDer,
    keyIdentifier,
    signature,
    maySignLists,
    pointers,
  };
}

function signatureOf(key: KeyObject): { readonly keyAlgorithm: string; readonly signature: IssuerSignature } {
  const { asymmetricKeyDetails: details } = key;
  const type: string | undefined = key.asymmetricKeyType;
  if (type === "rsa") return { keyAlgorithm: `rsa-${details?.modulusLength}`, signature: SIGNATURES.rsa };
  if (type === "ed25519") return { keyAlgorithm: type, signature: SIGNATURES.ed25519 };
  if (type === "ml-dsa-44" || type === "ml-dsa-65" || type === "ml-dsa-87")
    return { keyAlgorithm: type, signature: SIGNATURES[type] };
  const curve = details?.namedCurve;
  if (curve === "prime256v1" || curve === "secp384r1" || curve === "secp521r1") {
    return { keyAlgorithm: CURVE_NAMES[curve], signature: SIGNATURES[curve] };
  }
  throw new TypeError("the issuer's kind of key is not supported");
}
