import { hash, type KeyObject, verify } from "node:crypto";
import type { CsrDecoding, CsrFacts, SubjectAltNames } from "../domain/csr-facts.ts";
import { NO_ALTERNATIVE_NAMES, readAlternativeNames } from "./alternative-names-reader.ts";
import { type DerElement, DerError, DerReader, encodingOf, TAG } from "./der-reader.ts";
import { readInteger, readObjectIdentifier, readOctetAlignedBits } from "./der-values.ts";
import { readExtension } from "./extension-reader.ts";
import { readName } from "./name-reader.ts";
import { OID } from "./object-identifiers.ts";
import { decodePem } from "./pem.ts";
import { importPublicKey, readPublicKey } from "./public-key.ts";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.ts";

const LABEL = "CERTIFICATE REQUEST";

/** A decoded CSR together with its imported key, so that nobody needs to import it again. */
export interface DecodedCsr {
  readonly facts: CsrFacts;
  readonly key: KeyObject;
}

/**
 * Decodes `spec.request` and checks its self-signature.
 *
 * @param requestBase64 - base64 of PEM, as JSON carries it.
 * @param onKey - is given the imported key of a CSR that verified.
 * Source: kubernetes pkg/apis/certificates/helpers.go (ParseCSR); Go src/crypto/x509 (ParseCertificateRequest).
 */
export function decodeRequest(requestBase64: string, onKey?: (csr: DecodedCsr) => void): CsrDecoding {
  const [block] = decodePem(Buffer.from(requestBase64, "base64").toString("latin1"));
  if (block === undefined) return { kind: "invalid", message: "holds no PEM block" };
  if (block.label !== LABEL) return { kind: "invalid", message: `PEM block must be labelled ${LABEL}` };
  try {
    const csr = decodeCsr(block.der);
    onKey?.(csr);
    return { kind: "facts", facts: csr.facts };
  } catch (error) {
    if (error instanceof DerError) return { kind: "invalid", message: error.message };
    throw error;
  }
}

/**
 * Decodes one complete PKCS#10 CertificationRequest and verifies it with its own key.
 *
 * @throws {DerError} when it is malformed, of an unsupported kind, or not signed by its key.
 * Source: RFC 2986 section 4.
 */
export function decodeCsr(der: Buffer): DecodedCsr {
  const outer = DerReader.over(der);
  const request = outer.enter(TAG.sequence, "certificate request");
  outer.expectEnd("certificate request");
  const info = request.read(TAG.sequence, "request information");
  const algorithm = readSignatureAlgorithm(request.enter(TAG.sequence, "signature algorithm"));
  const signature = readOctetAlignedBits(request, "signature");
  request.expectEnd("certificate request");

  const fields = request.within(info, "request information");
  // Encoders disagree on the number in here and nothing depends on it.
  readInteger(fields, "version");
  const { subject } = readName(fields.enter(TAG.sequence, "subject"), "subject");
  const spki = fields.read(TAG.sequence, "public key");
  const kind = readPublicKey(spki);
  const sans = readAttributes(fields.enter(0xa0, "attributes"));
  fields.expectEnd("request information");

  if (algorithm.keyAlgorithm !== kind.algorithm) throw new DerError("signature algorithm does not fit the public key");
  // Memory of its own: in a pooled buffer it would drag its neighbours along to another thread.
  const spkiDer = Buffer.allocUnsafeSlow(spki.end - spki.start);
  encodingOf(spki).copy(spkiDer);
  const key = importPublicKey(spkiDer);
  verifySignature(encodingOf(info), key, algorithm, signature);
  return { facts: { subject, sans, key: kind, spkiDer, spkiSha256: hash("sha256", spkiDer) }, key };
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

function verifySignature(signed: Buffer, key: KeyObject, { digest, pss }: SignatureAlgorithm, signature: Buffer): void {
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
