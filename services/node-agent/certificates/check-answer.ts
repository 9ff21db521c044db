import { type KeyObject, X509Certificate } from "node:crypto";
import { AgentError } from "../agent-error.ts";
import { type CertificateParts, certificateParts } from "./certificate-parts.ts";
import { belongsTo, certificateBlocks } from "./credential-files.ts";

const LONGEST_CHAIN = 10;

export interface Expected {
  /** As node:crypto writes it. */
  readonly subject: string;
  /** As `namesOf`. */
  readonly names: readonly string[];
  readonly key: KeyObject;
  readonly usages: readonly string[];
  /** The CAs that the certificate must come from; undefined when any will do. */
  readonly trustedPem: string | undefined;
}

/**
 * Whether what came is what was asked for: our key, the same names and usages, valid now, a chain whose links hold.
 *
 * @throws {AgentError} `wrongAnswer`, and nothing has been written.
 */
export function checkAnswer(
  chainPem: string,
  { subject, names, key, usages, trustedPem }: Expected,
  now: Date,
): CertificateParts {
  const blocks = certificateBlocks(chainPem);
  const [leafPem, ...rest] = blocks;
  if (leafPem === undefined || blocks.length > LONGEST_CHAIN) throw wrong(`${blocks.length} certificates came`);
  const leaf = readLeaf(leafPem);
  const { certificate } = leaf;
  if (!belongsTo(leaf, key)) throw wrong("it has another key than the request");
  if (certificate.subject !== subject) {
    throw wrong(`its subject is ${oneLine(certificate.subject)}, not ${oneLine(subject)}`);
  }
  const found = namesOf(certificate);
  if (found.join() !== names.join()) throw wrong(`its names are ${found.join()}, not ${names.join()}`);
  const missing = usages.filter((usage) => !leaf.usages.includes(usage));
  if (missing.length > 0) throw wrong(`it lacks the usages ${missing.join(", ")}`);
  checkTimes(leaf, now);
  checkChain(certificate, rest, trustedPem);
  return leaf;
}

function readLeaf(pem: string): CertificateParts {
  try {
    return certificateParts(pem, "the answer");
  } catch (cause) {
    throw wrong((cause as Error).message);
  }
}

function checkTimes({ certificate }: CertificateParts, now: Date): void {
  const { validFromDate, validToDate } = certificate;
  if (validFromDate > now) throw wrong(`it is valid from ${validFromDate.toISOString()} on; compare the clocks`);
  if (validToDate <= now) throw wrong(`it has expired at ${validToDate.toISOString()}; compare the clocks`);
}

/** Every certificate was issued by the next; the last one by a CA that is trusted, where some are named. */
function checkChain(leaf: X509Certificate, restPem: readonly string[], trustedPem: string | undefined): void {
  let last = leaf;
  for (const pem of restPem) {
    const issuer = new X509Certificate(pem);
    if (!wasIssuedBy(last, issuer))
      throw wrong(`${oneLine(last.subject)} was not issued by ${oneLine(issuer.subject)}`);
    last = issuer;
  }
  if (trustedPem === undefined) return;
  const anchors = certificateBlocks(trustedPem).map((pem) => new X509Certificate(pem));
  if (anchors.some((anchor) => anchor.raw.equals(last.raw) || wasIssuedBy(last, anchor))) return;
  throw wrong(`its issuer ${oneLine(last.issuer)} is not among the CAs that are trusted`);
}

export function wasIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** The alternative names of a certificate as node:crypto writes them, sorted. */
export function namesOf({ subjectAltName }: X509Certificate): readonly string[] {
  return subjectAltName?.split(", ").toSorted() ?? [];
}

/** A subject or issuer as node:crypto writes it, for messages. */
export const oneLine = (name: string): string => name.replaceAll("\n", ", ");

function wrong(what: string): AgentError {
  return new AgentError("wrongAnswer", `the certificate that came cannot be used: ${what}`);
}
