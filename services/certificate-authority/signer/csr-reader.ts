import { hash, type KeyObject, verify } from "node:crypto";
import { type DerElement, DerError, DerReader, encodingOf, TAG } from "../../shared/der/der-reader.ts";
import { readInteger, readObjectIdentifier, readOctetAlignedBits } from "../../shared/der/der-values.ts";
import { type CsrFacts, NO_ALTERNATIVE_NAMES, type PublicKeyKind, type SubjectAltNames } from "../domain/csr-facts.ts";
import { readAlternativeNames } from "./alternative-names-reader.ts";
import { readExtension } from "./extension-reader.ts";
import { readName } from "./name-reader.ts";
import { OID } from "./object-identifiers.ts";
import { type KeyAcceptance, readPublicKey } from "./public-key.ts";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.ts";

/** A CSR that has the right form; whether its key signed it is not known yet. */
export interface ReadCsr {
  readonly facts: CsrFacts;
  /** The encoded CertificationRequestInfo. */
  readonly signed: Buffer;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Buffer;
}

/**
 * Reads one complete PKCS#10 CertificationRequest.
 *
 * @throws {DerError} when it is malformed or of an unsupported kind.
 * Source: RFC 2986 section 4; Go src/crypto/x509/x509.go (ParseCertificateRequest).
 */
export function readCsr(der: Buffer, acceptance: KeyAcceptance = { acceptsMlDsa: false }): ReadCsr {
  const outer = DerReader.over(der);
  const request = outer.enter(TAG.sequence, "certificate request");
  outer.expectEnd("certificate request");
  const info = request.read(TAG.sequence, "request information");
  const algorithm = readSignatureAlgorithm(request.enter(TAG.sequence, "signature algorithm"));
  const signature = readOctetAlignedBits(request, "signature");
  request.expectEnd("certificate request");

  const fields = request.within(info, "request information");
  // Encoders disagree on the number in here and nothing depends on it, as long as it is a number.
  if (readInteger(fields, "version").length > 8) throw new DerError("version: integer is too long");
  const { subject } = readName(fields.enter(TAG.sequence, "subject"), "subject");
  const spki = fields.read(TAG.sequence, "public key");
  const key = readPublicKey(spki, acceptance);
  const sans = readAttributes(fields.enter(0xa0, "attributes"));
  fields.expectEnd("request information");

  if (!isAlgorithmOf(key, algorithm)) throw new DerError("signature algorithm does not fit the public key");
  // Memory of its own: in a pooled buffer it would drag its neighbours along to another thread.
  const spkiDer = Buffer.allocUnsafeSlow(spki.end - spki.start);
  encodingOf(spki).copy(spkiDer);
  const facts = { subject, sans, key, spkiDer, spkiSha256: hash("sha256", spkiDer) };
  return { facts, signed: encodingOf(info), algorithm, signature };
}

/** OpenSSL would verify by the key alone, whichever parameter set the signature claims. */
function isAlgorithmOf(key: PublicKeyKind, { keyAlgorithm, parameterSet }: SignatureAlgorithm): boolean {
  return keyAlgorithm === key.algorithm && (key.algorithm !== "ML-DSA" || key.parameterSet === parameterSet);
}

/**
 * Checks a CSR's self-signature: the proof that its sender has the private key.
 *
 * @param key - the CSR's own, imported.
 * @throws {DerError} when the signature does not verify.
 */
export function verifyCsr({ signed, algorithm: { digest, pss }, signature }: ReadCsr, key: KeyObject): void {
  let isValid: boolean;
  try {
    // Options cost node:crypto as much as a tenth of the check, so only PSS pays for them.
    isValid = verify(digest, signed, pss ? { key, ...pss } : key, signature);
  } catch {
    // OpenSSL refuses some signatures instead of finding them wrong, e.g. for an RSA key of odd proportions.
    isValid = false;
  }
  if (!isValid) throw new DerError("signature does not verify");
}

/**
 * The requested SANs. Attributes we do not know are skipped, however malformed; of an extension request only the first
 * value counts, as in Go; an extension asked for twice is refused.
 */
function readAttributes(attributes: DerReader): SubjectAltNames {
  const seen = new Set<string>();
  let sans = NO_ALTERNATIVE_NAMES;
  while (!attributes.isAtEnd()) {
    const attribute = attributes.readAny("attributes");
    const values = extensionRequestOf(attributes, attribute);
    if (values === undefined) continue;
    const extensions = values.enter(TAG.sequence, "extension request");
    while (!extensions.isAtEnd()) {
      const { type, value } = readExtension(extensions);
      if (seen.has(type)) throw new DerError("an extension is requested more than once");
      seen.add(type);
      if (type === OID.subjectAltName) sans = readAlternativeNames(DerReader.over(value));
    }
  }
  return sans;
}

/** A reader over the values of an extension request; undefined for any other attribute. */
function extensionRequestOf(attributes: DerReader, attribute: DerElement): DerReader | undefined {
  if (attribute.tag !== TAG.sequence) return undefined;
  const fields = attributes.within(attribute, "attribute");
  if (!fields.isNext(TAG.objectIdentifier)) return undefined;
  if (readObjectIdentifier(fields, "attribute") !== OID.extensionRequest) return undefined;
  const values = fields.enter(TAG.set, "extension request");
  fields.expectEnd("extension request");
  return values;
}
