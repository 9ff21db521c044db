import { X509Certificate } from "node:crypto";
import { DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../shared/der/der-values.ts";
import type { CertificateDetails } from "../domain/inventory.ts";
import { readExtensionFacts, readOneCertificate } from "./certificate-reader.ts";
import { toDotted } from "./object-identifiers.ts";

const MIN_RSA_BITS = 2048;

/** By OpenSSL's names. Curves of less than 128 bits of strength are weak. */
const CURVES: ReadonlyMap<string | undefined, string> = new Map([
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

/** By OpenSSL's names, RFC 8410 and RFC 9881. */
const SOUND_KINDS: ReadonlyMap<string, string> = new Map([
  ["ed25519", "Ed25519"],
  ["ed448", "Ed448"],
  ["ml-dsa-44", "ML-DSA-44"],
  ["ml-dsa-65", "ML-DSA-65"],
  ["ml-dsa-87", "ML-DSA-87"],
]);

/** Source: RFC 3279, RFC 4055, RFC 5758, RFC 8410, RFC 9881. */
const SIGNATURES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "md5WithRSAEncryption"],
  ["1.2.840.113549.1.1.5", "sha1WithRSAEncryption"],
  ["1.2.840.10040.4.3", "dsa-with-SHA1"],
  ["1.2.840.10045.4.1", "ecdsa-with-SHA1"],
  ["1.2.840.113549.1.1.11", "sha256WithRSAEncryption"],
  ["1.2.840.113549.1.1.12", "sha384WithRSAEncryption"],
  ["1.2.840.113549.1.1.13", "sha512WithRSAEncryption"],
  ["1.2.840.113549.1.1.10", "rsassaPss"],
  ["1.2.840.10045.4.3.2", "ecdsa-with-SHA256"],
  ["1.2.840.10045.4.3.3", "ecdsa-with-SHA384"],
  ["1.2.840.10045.4.3.4", "ecdsa-with-SHA512"],
  ["1.3.101.112", "ED25519"],
  ["2.16.840.1.101.3.4.3.17", "ML-DSA-44"],
  ["2.16.840.1.101.3.4.3.18", "ML-DSA-65"],
  ["2.16.840.1.101.3.4.3.19", "ML-DSA-87"],
]);
const WEAK_SIGNATURE = /^(?:md5|sha1)With|-with-SHA1$/;

/**
 * What a certificate of any issuer says of its key, its signature and what it is for. Nothing is verified.
 *
 * @returns undefined when it cannot be read.
 */
export function examineCertificate(der: Uint8Array): CertificateDetails | undefined {
  try {
    const fields = readOneCertificate(Buffer.from(der.buffer, der.byteOffset, der.byteLength));
    const { extendedKeyUsages, isAuthority } = readExtensionFacts(fields.extensions);
    const algorithm = DerReader.over(encodingOf(fields.outerAlgorithm)).enter(TAG.sequence, "signature algorithm");
    const dotted = toDotted(readObjectIdentifier(algorithm, "signature algorithm"));
    const signatureAlgorithm = SIGNATURES.get(dotted) ?? dotted;
    const isSignatureWeak = WEAK_SIGNATURE.test(signatureAlgorithm);
    return { ...keyOf(der), signatureAlgorithm, isSignatureWeak, extendedKeyUsages, isAuthority };
  } catch {
    return undefined;
  }
}

function keyOf(der: Uint8Array): Pick<CertificateDetails, "keyAlgorithm" | "isKeyWeak"> {
  const { asymmetricKeyType: kind = "of an unknown kind", asymmetricKeyDetails } = new X509Certificate(der).publicKey;
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails ?? {};
  if (kind.startsWith("rsa")) return { keyAlgorithm: `RSA ${modulusLength}`, isKeyWeak: modulusLength < MIN_RSA_BITS };
  if (kind === "ec") {
    const curve = CURVES.get(namedCurve);
    return { keyAlgorithm: `ECDSA ${curve ?? namedCurve ?? "on an unnamed curve"}`, isKeyWeak: curve === undefined };
  }
  const sound = SOUND_KINDS.get(kind);
  return { keyAlgorithm: sound ?? kind, isKeyWeak: sound === undefined };
}
