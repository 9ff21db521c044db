import { createHash, timingSafeEqual, verify, type X509Certificate } from "node:crypto";
import { keyProblem } from "../../../shared/attestation/possession.ts";
import { MAXIMUM_CERTIFICATES } from "../../../shared/attestation/wire.ts";
import { contentOf, DerError, DerReader, encodingOf, TAG } from "../../../shared/der/der-reader.ts";
import { readObjectIdentifier, readPositiveInteger, readSmallInteger } from "../../../shared/der/der-values.ts";
import { denied } from "../refusal.ts";
import type { SignatureAlgorithm } from "../signature-algorithm.ts";
import { derOfBer } from "./ber.ts";
import { readDigest, readSignatureMethod } from "./signature-methods.ts";

/** Object identifiers as the hex of their DER content. Source: RFC 5652 sections 4, 5.1 and 11; RFC 6211 section 2. */
const DATA = "2a864886f70d010701";
const SIGNED_DATA = "2a864886f70d010702";
const CONTENT_TYPE = "2a864886f70d010903";
const MESSAGE_DIGEST = "2a864886f70d010904";
const ALGORITHM_PROTECTION = "2a864886f70d010934";

const EXPLICIT = 0xa0;
const CERTIFICATES = 0xa0;
const REVOCATIONS = 0xa1;
const SIGNED_ATTRIBUTES = 0xa0;
const UNSIGNED_ATTRIBUTES = 0xa1;
const PROTECTED_SIGNATURE = 0xa1;
/** Of SignedData and of SignerInfo where the signer is named by issuer and serial. */
const VERSION = 1;

/** Who has signed, as certificates are told apart. */
interface SignerName {
  /** DER of the issuer's name. */
  readonly issuer: Buffer;
  /** Without leading zeros. */
  readonly serial: Buffer;
}

interface SignerInfo extends SignerName {
  readonly digest: string;
  readonly method: SignatureAlgorithm;
  readonly signature: Buffer;
  /** What the signature is over where attributes were signed: DER of their SET. */
  readonly signedAttributes: Buffer | undefined;
  /** The digest of the content that they hold. */
  readonly messageDigest: Buffer | undefined;
}

export interface SignedDataRules {
  /** Whether the content has to be signed through attributes, as AWS does; Azure signs the content itself. */
  readonly needsAttributes: boolean;
}

/**
 * A CMS SignedData message with content inside and one signer, which is named by issuer and serial. The content can be had
 * only together with the certificate that has signed it: nothing is read from what nobody vouches for.
 *
 * Source: RFC 5652 sections 3 and 5.
 */
export class SignedData {
  /** DER, in the order of the message. They are not signed, and may have nothing to do with the signer. */
  readonly certificates: readonly Buffer[];
  readonly #content: Buffer;
  readonly #signer: SignerInfo;

  private constructor(certificates: readonly Buffer[], content: Buffer, signer: SignerInfo) {
    this.certificates = certificates;
    this.#content = content;
    this.#signer = signer;
  }

  /**
   * @param bytes - BER.
   * @throws {AttestationRefusal} when it is no such message.
   */
  static read(bytes: Buffer, rules: SignedDataRules): SignedData {
    try {
      const { certificates, content, signer } = readContentInfo(derOfBer(bytes), rules);
      return new SignedData(certificates, content, signer);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      throw denied(`the document is no CMS SignedData that is taken here: ${error.message}`, error);
    }
  }

  /**
   * Whether the message says that the holder of this certificate has signed it.
   *
   * @throws {AttestationRefusal} when the certificate cannot be read.
   */
  namesAsSigner(certificate: X509Certificate): boolean {
    const { issuer, serial } = readable(() => nameOf(certificate));
    return issuer.equals(this.#signer.issuer) && serial.equals(this.#signer.serial);
  }

  /**
   * The content, which the holder of the certificate has signed.
   *
   * @param certificate - whom the caller trusts; whether with reason is not asked here.
   * @throws {AttestationRefusal} when it was not.
   */
  contentSignedBy(certificate: X509Certificate): Buffer {
    if (!this.namesAsSigner(certificate)) throw denied("the document names another signer");
    const { digest, method, signature, signedAttributes, messageDigest } = this.#signer;
    const key = readable(() => certificate.publicKey);
    const problem = keyProblem(key);
    if (problem !== undefined) throw denied(`the signer's key is not taken: ${problem}`);
    if (messageDigest !== undefined && !isDigest(messageDigest, digest, this.#content))
      throw denied("the content is not what was signed");
    const isSigned = verify(method.hash, signedAttributes ?? this.#content, { key, ...method.options }, signature);
    if (!isSigned) throw denied("the signature is wrong");
    return this.#content;
  }
}

/** A certificate may come from the message, and be one that `node:crypto` takes although not all of it can be read. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw denied("a certificate cannot be read", error);
  }
}

function isDigest(expected: Buffer, digest: string, content: Buffer): boolean {
  const actual = createHash(digest).update(content).digest();
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function readContentInfo(der: Buffer, rules: SignedDataRules) {
  const outer = DerReader.over(der);
  const contentInfo = outer.enter(TAG.sequence, "contentInfo");
  outer.expectEnd("contentInfo");
  if (readObjectIdentifier(contentInfo, "contentType") !== SIGNED_DATA) throw new DerError("it is not SignedData");
  const explicit = contentInfo.enter(EXPLICIT, "content");
  contentInfo.expectEnd("contentInfo");
  const signedData = explicit.enter(TAG.sequence, "signedData");
  explicit.expectEnd("content");
  return readSignedData(signedData, rules);
}

function readSignedData(signedData: DerReader, rules: SignedDataRules) {
  expectVersion(signedData, "signedData");
  const announced = readAnnouncedDigests(signedData.enter(TAG.set, "digestAlgorithms"));
  const content = readContent(signedData.enter(TAG.sequence, "encapContentInfo"));
  const certificates = readCertificates(signedData);
  signedData.readOptional(REVOCATIONS, "crls");
  const signers = signedData.enter(TAG.set, "signerInfos");
  signedData.expectEnd("signedData");
  const signer = readSigner(signers.enter(TAG.sequence, "signerInfo"));
  if (!signers.isAtEnd()) throw new DerError("signerInfos: more than one signer");
  if (!announced.includes(signer.digest))
    throw new DerError("signerInfo: a digest that digestAlgorithms does not name");
  if (signer.signedAttributes === undefined) checkPlainContent(content, rules);
  return { certificates, content, signer };
}

function expectVersion(reader: DerReader, what: string): void {
  if (readSmallInteger(reader, what) !== VERSION) throw new DerError(`${what}: not of version ${VERSION}`);
}

function readAnnouncedDigests(algorithms: DerReader): readonly string[] {
  const announced: string[] = [];
  while (!algorithms.isAtEnd()) announced.push(readDigest(algorithms).value);
  return announced;
}

function readContent(encapsulated: DerReader): Buffer {
  if (readObjectIdentifier(encapsulated, "eContentType") !== DATA) throw new DerError("eContentType: not data");
  if (encapsulated.isAtEnd()) throw new DerError("eContent: detached from its signature");
  const explicit = encapsulated.enter(EXPLICIT, "eContent");
  encapsulated.expectEnd("encapContentInfo");
  const content = contentOf(explicit.read(TAG.octetString, "eContent"));
  explicit.expectEnd("eContent");
  return content;
}

function readCertificates(signedData: DerReader): readonly Buffer[] {
  const certificates: Buffer[] = [];
  if (!signedData.isNext(CERTIFICATES)) return certificates;
  const list = signedData.enter(CERTIFICATES, "certificates");
  while (!list.isAtEnd()) {
    certificates.push(encodingOf(list.read(TAG.sequence, "certificate")));
    if (certificates.length > MAXIMUM_CERTIFICATES)
      throw new DerError(`certificates: more than ${MAXIMUM_CERTIFICATES}`);
  }
  return certificates;
}

/**
 * Somebody could show the attributes of another message as content, since both are signed alike: a SET never is content.
 *
 * Source: RFC 5652 section 5.4; RFC 8933 section 1.
 */
function checkPlainContent(content: Buffer, { needsAttributes }: SignedDataRules): void {
  if (needsAttributes) throw new DerError("signerInfo: no signed attributes");
  if (content[0] === TAG.set) throw new DerError("eContent: signed attributes of another message");
}

function readSigner(info: DerReader): SignerInfo {
  expectVersion(info, "signerInfo");
  const name = readSignerName(info.enter(TAG.sequence, "issuerAndSerialNumber"));
  const { value: digest, encoding: digestAlgorithm } = readDigest(info);
  const attributes = info.readOptional(SIGNED_ATTRIBUTES, "signedAttrs");
  const { value: method, encoding: signatureAlgorithm } = readSignatureMethod(info, digest);
  const signature = contentOf(info.read(TAG.octetString, "signature"));
  info.readOptional(UNSIGNED_ATTRIBUTES, "unsignedAttrs");
  info.expectEnd("signerInfo");
  const signer = { ...name, digest, method, signature };
  if (attributes === undefined) return { ...signer, signedAttributes: undefined, messageDigest: undefined };
  const values = readAttributes(info.within(attributes, "signedAttrs"));
  checkProtection(values.get(ALGORITHM_PROTECTION), digestAlgorithm, signatureAlgorithm);
  const signedAttributes = Buffer.from(encodingOf(attributes));
  signedAttributes[0] = TAG.set;
  return { ...signer, signedAttributes, messageDigest: messageDigestOf(values) };
}

function readSignerName(name: DerReader): SignerName {
  const issuer = encodingOf(name.read(TAG.sequence, "issuer"));
  const serial = readPositiveInteger(name, "serialNumber");
  name.expectEnd("issuerAndSerialNumber");
  return { issuer, serial };
}

/** Each attribute once, with one value. What the others than ours say is not asked: they are the signer's word, no more. */
function readAttributes(list: DerReader): ReadonlyMap<string, Buffer> {
  const values = new Map<string, Buffer>();
  while (!list.isAtEnd()) {
    const attribute = list.enter(TAG.sequence, "attribute");
    const type = readObjectIdentifier(attribute, "attribute");
    const set = attribute.enter(TAG.set, "attribute");
    attribute.expectEnd("attribute");
    const value = encodingOf(set.readAny("attribute"));
    if (!set.isAtEnd()) throw new DerError(`attribute ${type}: several values`);
    if (values.has(type)) throw new DerError(`attribute ${type}: twice`);
    values.set(type, value);
  }
  return values;
}

function messageDigestOf(values: ReadonlyMap<string, Buffer>): Buffer {
  const contentType = DerReader.over(values.get(CONTENT_TYPE) ?? Buffer.alloc(0));
  if (readObjectIdentifier(contentType, "contentType attribute") !== DATA)
    throw new DerError("contentType attribute: not data");
  const messageDigest = DerReader.over(values.get(MESSAGE_DIGEST) ?? Buffer.alloc(0));
  return contentOf(messageDigest.read(TAG.octetString, "messageDigest attribute"));
}

/** @param protection - the attribute's value, where there is one: then it has to name the algorithms of the message. */
function checkProtection(protection: Buffer | undefined, digestAlgorithm: Buffer, signatureAlgorithm: Buffer): void {
  if (protection === undefined) return;
  const value = DerReader.over(protection).enter(TAG.sequence, "algorithmProtection");
  const isSameDigest = encodingOf(value.read(TAG.sequence, "algorithmProtection")).equals(digestAlgorithm);
  const retagged = Buffer.from(encodingOf(value.read(PROTECTED_SIGNATURE, "algorithmProtection")));
  retagged[0] = TAG.sequence;
  const isSameSignature = retagged.equals(signatureAlgorithm);
  value.expectEnd("algorithmProtection");
  if (!isSameDigest || !isSameSignature) throw new DerError("algorithmProtection: other algorithms than the message's");
}

/** @param certificate - one that `node:crypto` could read. */
function nameOf({ raw }: X509Certificate): SignerName {
  const tbs = DerReader.over(raw).enter(TAG.sequence, "certificate").enter(TAG.sequence, "tbsCertificate");
  tbs.readOptional(EXPLICIT, "version");
  const serial = readPositiveInteger(tbs, "serialNumber");
  tbs.readAny("signature");
  return { issuer: encodingOf(tbs.read(TAG.sequence, "issuer")), serial };
}
