import { verify, type X509Certificate } from "node:crypto";
import { contentOf, DerError, DerReader, encodingOf, TAG } from "../../../shared/der/der-reader.ts";
import {
  readInteger,
  readObjectIdentifier,
  readOctetAlignedBits,
  readOptionalBoolean,
  readSmallInteger,
  readTime,
} from "../../../shared/der/der-values.ts";
import { ReloadedFile } from "../anchors.ts";
import { outlineOf } from "../certificate-contents.ts";
import { readExtensions } from "../certificate-extensions.ts";
import { denied } from "../refusal.ts";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "../signature-algorithm.ts";

const BLOCK = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g;
const BEGIN = /-----BEGIN [^-]*-----/g;
const MAXIMUM_LISTS = 100;
/** `cRLSign` as a bit of `keyUsage`. Source: RFC 5280 section 4.2.1.3. */
const CRL_SIGN = 1 << 6;
const VERSION_2 = 1;

/** A CRL whose signature nobody has checked yet. */
export interface RevocationList {
  readonly issuerDer: Buffer;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Lower-case hex of the INTEGERs' contents. */
  readonly serials: ReadonlySet<string>;
  readonly signedDer: Buffer;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Buffer;
}

/** What certificates are looked up in. */
export class RevocationLists {
  readonly #files: readonly ReloadedFile<readonly RevocationList[]>[];

  constructor(paths: readonly string[]) {
    this.#files = paths.map((path) => new ReloadedFile(path, parseRevocationLists));
  }

  /**
   * @param path - from the end certificate to the anchor; each has signed the one before it.
   * @throws {AttestationRefusal} for a certificate that is revoked, or whose CA has no list that is valid now.
   */
  requireUnrevoked(path: readonly X509Certificate[], now: Date): void {
    const lists = this.#files.flatMap((file) => file.current);
    for (const [index, issuer] of path.slice(1).entries()) {
      const subject = path[index] as X509Certificate;
      const list = listOf(issuer, lists, now);
      if (list.serials.has(outlineOf(subject).serial))
        throw denied(`the certificate ${subject.serialNumber} of ${JSON.stringify(subject.issuer)} is revoked`);
    }
  }
}

/** The newest valid list counts: an older one may still be valid, and knows less. */
function listOf(issuer: X509Certificate, lists: readonly RevocationList[], now: Date): RevocationList {
  const name = JSON.stringify(issuer.subject);
  const { keyUsage } = readExtensions(issuer);
  if (keyUsage !== undefined && (keyUsage & CRL_SIGN) === 0) throw denied(`${name} may not sign CRLs`);
  const { subjectDer } = outlineOf(issuer);
  const own = lists
    .filter((list) => list.issuerDer.equals(subjectDer) && isSignedBy(list, issuer))
    .sort((one, other) => other.thisUpdate.getTime() - one.thisUpdate.getTime());
  if (own.length === 0) throw denied(`there is no CRL that ${name} has signed`);
  const current = own.find(({ thisUpdate, nextUpdate }) => thisUpdate <= now && now <= nextUpdate);
  if (current === undefined) throw denied(`the CRL of ${name} is not valid now; put a newer one in its place`);
  return current;
}

function isSignedBy({ signedDer, algorithm, signature }: RevocationList, { publicKey }: X509Certificate): boolean {
  return verify(algorithm.hash, signedDer, { key: publicKey, ...algorithm.options }, signature);
}

/**
 * @param bytes - PEM with any number of CRLs, or one in DER.
 * @throws {Error} when there is none, or one that cannot be read or heeded.
 */
function parseRevocationLists(bytes: Buffer): readonly RevocationList[] {
  if (bytes[0] === TAG.sequence) return [parseRevocationList(bytes)];
  const text = bytes.toString("latin1");
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) throw new Error("it holds no CRL, neither PEM nor DER");
  if (blocks.length > MAXIMUM_LISTS) throw new Error(`it holds more than ${MAXIMUM_LISTS} CRLs`);
  if (blocks.length !== text.match(BEGIN)?.length) throw new Error("it holds something else than whole CRLs");
  return blocks.map(([, base64 = ""]) => parseRevocationList(Buffer.from(base64, "base64")));
}

/**
 * Reads a complete CRL of the issuer's own certificates. Indirect, partial and delta CRLs say so in critical extensions, of
 * which none is understood.
 *
 * @throws {DerError}
 *
 * Source: RFC 5280 section 5.1.
 */
export function parseRevocationList(der: Buffer): RevocationList {
  const file = DerReader.over(der);
  const outer = file.enter(TAG.sequence, "CRL");
  file.expectEnd("CRL");
  const signed = outer.read(TAG.sequence, "tbsCertList");
  const inner = outer.within(signed, "tbsCertList");
  const algorithm = readSignatureAlgorithm(outer);
  const signature = readOctetAlignedBits(outer, "signature");
  outer.expectEnd("CRL");
  if (readSmallInteger(inner, "version") !== VERSION_2) throw new DerError("version: not 2");
  inner.readAny("signature");
  const issuerDer = encodingOf(inner.read(TAG.sequence, "issuer"));
  const thisUpdate = readTime(inner, "thisUpdate");
  if (!inner.isNext(TAG.utcTime) && !inner.isNext(TAG.generalizedTime))
    throw new DerError("nextUpdate: missing, so that nobody can tell whether the list is current");
  const nextUpdate = readTime(inner, "nextUpdate");
  const serials = inner.isNext(TAG.sequence) ? readEntries(inner) : new Set<string>();
  if (inner.isNext(0xa0)) refuseCritical(inner.enter(0xa0, "crlExtensions"), "crlExtensions");
  inner.expectEnd("tbsCertList");
  return { issuerDer, thisUpdate, nextUpdate, serials, signedDer: encodingOf(signed), algorithm, signature };
}

function readEntries(reader: DerReader): ReadonlySet<string> {
  const entries = reader.enter(TAG.sequence, "revokedCertificates");
  const serials = new Set<string>();
  while (!entries.isAtEnd()) {
    const entry = entries.enter(TAG.sequence, "revokedCertificates");
    serials.add(readInteger(entry, "userCertificate").toString("hex"));
    readTime(entry, "revocationDate");
    if (!entry.isAtEnd()) refuseCritical(entry, "crlEntryExtensions");
    entry.expectEnd("revokedCertificates");
  }
  return serials;
}

function refuseCritical(reader: DerReader, what: string): void {
  const list = reader.enter(TAG.sequence, what);
  while (!list.isAtEnd()) {
    const extension = list.enter(TAG.sequence, what);
    const type = readObjectIdentifier(extension, what);
    if (readOptionalBoolean(extension, what) === true)
      throw new DerError(`${what}: ${type} is critical and not understood`);
    contentOf(extension.read(TAG.octetString, what));
    extension.expectEnd(what);
  }
}
