import { type KeyObject, X509Certificate } from "node:crypto";
import { keyProblem } from "../../shared/attestation/possession.ts";
import { MAXIMUM_CERTIFICATES } from "../../shared/attestation/wire.ts";
import { type CertificateExtensions, EXTENSION, KEY_CERT_SIGN, readExtensions } from "./certificate-extensions.ts";
import { denied } from "./refusal.ts";
import { signatureAlgorithmOf } from "./signature-algorithm.ts";

/** What a path is judged by. */
export interface PathRules {
  readonly anchors: readonly X509Certificate[];
  readonly now: Date;
  /** Dotted; the end certificate has to name it itself, and no CA on the way may be limited to others. Any when absent. */
  readonly extendedKeyUsage?: string;
  /** Bits of `keyUsage`, one of which the end certificate's has to hold where it has that extension. */
  readonly keyUsage?: number;
  /** Hex identifiers of further critical extensions that the caller understands, and judges itself. */
  readonly understood?: readonly string[];
}

export interface VerifiedPath {
  readonly leaf: X509Certificate;
  readonly leafExtensions: CertificateExtensions;
  /** From the leaf to the anchor, both included. */
  readonly certificates: readonly X509Certificate[];
}

const ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";

/** Critical extensions that the rules below heed. */
const UNDERSTOOD = new Set<string>([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
]);

/**
 * Finds the way from a certificate to an anchor, with intermediates from the message alone.
 *
 * @param chain - DER, the end certificate first; the others in any order.
 * @throws {AttestationRefusal} saying what is wrong with it.
 *
 * Source: RFC 5280 section 6.1, without policies; a CA that constrains names is refused rather than half heeded. That extended
 * key usages of a CA limit those below it is what Go and OpenSSL do; so is, in effect, that SHA-1 signs nothing any more.
 */
export function verifyPath(chain: readonly Buffer[], rules: PathRules): VerifiedPath {
  if (chain.length === 0 || chain.length > MAXIMUM_CERTIFICATES)
    throw denied(`a chain has 1 to ${MAXIMUM_CERTIFICATES} certificates, not ${chain.length}`);
  const [leaf, ...intermediates] = chain.map(parseCertificate);
  if (leaf === undefined) throw denied("there is no certificate");
  const leafExtensions = judge(leaf, rules);
  judgeEnd(leafExtensions, rules);
  const refused: string[] = [];
  const path = pathFrom([leaf], intermediates, rules, refused);
  if (path === undefined) {
    const why = refused[0] === undefined ? "" : `; ${refused[0]}`;
    throw denied(`the certificate of ${nameOf(leaf)} leads to no anchor of the profile${why}`);
  }
  return { leaf, leafExtensions, certificates: path };
}

/**
 * Those that may stand above a chain, level by level, as many as it has room for: a directory has more than a chain may have.
 * Whether they have signed anything is for `verifyPath` to say.
 */
export function issuersAmong(
  known: readonly X509Certificate[],
  chain: readonly X509Certificate[],
): readonly X509Certificate[] {
  const room = MAXIMUM_CERTIFICATES - chain.length;
  const found = new Set<X509Certificate>();
  let level = chain;
  while (level.length > 0 && found.size < room) {
    const below = level;
    level = known.filter((candidate) => !found.has(candidate) && below.some((child) => child.checkIssued(candidate)));
    for (const candidate of level) found.add(candidate);
  }
  return [...found].slice(0, room);
}

/** @throws {AttestationRefusal} unless it is one certificate, and nothing else. */
export function parseCertificate(der: Buffer): X509Certificate {
  try {
    const certificate = new X509Certificate(der);
    // What follows the certificate would be read by nobody, and be signed by nobody.
    if (certificate.raw.equals(der)) return certificate;
  } catch (error) {
    throw denied("a certificate of the chain cannot be read", error);
  }
  throw denied("a certificate of the chain is followed by other octets, or is not DER");
}

/** What every certificate has to fulfil. */
function judge(certificate: X509Certificate, { now, understood = [] }: PathRules): CertificateExtensions {
  const name = nameOf(certificate);
  // Turned round, so that a date that cannot be read refuses.
  if (!(now >= certificate.validFromDate)) throw denied(`the certificate of ${name} is not valid yet`);
  if (!(now <= certificate.validToDate)) throw denied(`the certificate of ${name} has expired`);
  const problem = keyProblem(keyOf(certificate, name));
  if (problem !== undefined) throw denied(`the key of ${name} is not taken: ${problem}`);
  const extensions = extensionsOf(certificate, name);
  for (const [type, { isCritical }] of extensions.all) {
    if (isCritical && !UNDERSTOOD.has(type) && !understood.includes(type))
      throw denied(`the certificate of ${name} has a critical extension that is not understood`);
  }
  return extensions;
}

/** A certificate can be read although its key cannot. */
function keyOf(certificate: X509Certificate, name: string): KeyObject {
  try {
    return certificate.publicKey;
  } catch (error) {
    throw denied(`the key of ${name} cannot be read`, error);
  }
}

function extensionsOf(certificate: X509Certificate, name: string): CertificateExtensions {
  try {
    return readExtensions(certificate);
  } catch (error) {
    throw denied(`the extensions of ${name} cannot be read`, error);
  }
}

/** @param rules - of which the end certificate's extended key usage limits what a CA may be for. */
function authorityProblem(
  { all, isAuthority, pathLength, keyUsage, extendedKeyUsages }: CertificateExtensions,
  below: number,
  { extendedKeyUsage }: PathRules,
): string | undefined {
  if (!isAuthority) return "is no CA";
  if (keyUsage !== undefined && (keyUsage & KEY_CERT_SIGN) === 0) return "may not sign certificates";
  if (pathLength !== undefined && below > pathLength) return "has more CAs below it than it allows";
  // Also where it is not marked critical, as it has to be.
  if (all.has(EXTENSION.nameConstraints)) return "constrains names, which is not supported";
  const isLimited =
    extendedKeyUsage !== undefined &&
    extendedKeyUsages !== undefined &&
    !extendedKeyUsages.includes(extendedKeyUsage) &&
    !extendedKeyUsages.includes(ANY_EXTENDED_KEY_USAGE);
  return isLimited ? `is for other extended key usages than ${extendedKeyUsage}` : undefined;
}

function judgeEnd({ isAuthority, keyUsage, extendedKeyUsages }: CertificateExtensions, rules: PathRules): void {
  if (isAuthority) throw denied("the certificate is a CA's");
  if (rules.keyUsage !== undefined && keyUsage !== undefined && (keyUsage & rules.keyUsage) === 0)
    throw denied("the certificate's key usage does not allow this");
  if (rules.extendedKeyUsage !== undefined && !(extendedKeyUsages ?? []).includes(rules.extendedKeyUsage))
    throw denied(`the certificate does not have the extended key usage ${rules.extendedKeyUsage}`);
}

/**
 * The number of certificates bounds the search: five have 24 orders at most.
 *
 * @param refused - gets why certificates that would have led further were passed over: another of that name may do.
 */
function pathFrom(
  path: readonly X509Certificate[],
  unused: readonly X509Certificate[],
  rules: PathRules,
  refused: string[],
): readonly X509Certificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const signed = (issuer: X509Certificate): boolean => {
    if (!last.checkIssued(issuer)) return false;
    const problem = issuerProblem(issuer, last, path.length - 1, rules);
    if (problem !== undefined) refused.push(problem);
    return problem === undefined;
  };
  const anchor = rules.anchors.find(signed);
  if (anchor !== undefined) return [...path, anchor];
  for (const issuer of unused.filter(signed)) {
    const others = unused.filter((certificate) => certificate !== issuer);
    const found = pathFrom([...path, issuer], others, rules, refused);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param below - how many intermediates stand between it and the end certificate. */
function issuerProblem(
  issuer: X509Certificate,
  subject: X509Certificate,
  below: number,
  rules: PathRules,
): string | undefined {
  try {
    const problem = authorityProblem(judge(issuer, rules), below, rules);
    if (problem !== undefined) return `${nameOf(issuer)} ${problem}`;
    // `verify` below would take any algorithm that OpenSSL knows.
    signatureAlgorithmOf(subject.raw);
    return subject.verify(issuer.publicKey) ? undefined : `${nameOf(issuer)} has not signed ${nameOf(subject)}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function nameOf({ subject }: X509Certificate): string {
  return JSON.stringify(subject ?? "");
}
