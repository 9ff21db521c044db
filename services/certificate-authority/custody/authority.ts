import "reflect-metadata";
import { X509Certificate as NativeCertificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Name } from "@peculiar/asn1-x509";
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509Certificate } from "@peculiar/x509";
import type { Authority } from "../domain/issuer.ts";
import { subjectViolation } from "../domain/name-constraints.ts";
import type { DirectoryName, ImposedConstraints, NameConstraints } from "../domain/name-subtrees.ts";
import { CustodyError } from "./custody-error.ts";
import { ML_DSA_NEEDS, mentionsMlDsa } from "./ml-dsa-runtime.ts";
import { decodeNameConstraints, fromName, sameNameConstraints } from "./name-constraints-codec.ts";
import { encodePem, readPemBlocks } from "./pem.ts";

const NAME_CONSTRAINTS = "2.5.29.30";
/** Longest chain of CA certificates, the root included. */
const MAXIMUM_CHAIN = 6;

/** A CA certificate as it was read. */
export interface ReadAuthority extends Authority {
  readonly native: NativeCertificate;
  readonly subject: DirectoryName;
}

/**
 * Reads one CA certificate. Nothing but its encoding and its extensions is judged.
 *
 * @param origin - what to call it in messages.
 * @throws {CustodyError} InvalidCertificate; NotACertificateAuthority.
 */
export function readAuthority(der: Uint8Array, origin: string): ReadAuthority {
  const certificate = parseCertificate(der, origin);
  checkIsAuthority(certificate, origin);
  const native = new NativeCertificate(der);
  requireReadableKey(native, origin);
  const { pathLength } = certificate.getExtension(BasicConstraintsExtension) ?? {};
  return {
    native,
    subject: fromName(AsnConvert.parse(certificate.subjectName.toArrayBuffer(), Name)),
    commonName: certificate.subjectName.getField("CN").at(-1) ?? "",
    certificatePem: encodePem("CERTIFICATE", der),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    isSelfSigned: isIssuedBy(native, native),
    pathLength,
    nameConstraints: nameConstraintsOf(certificate, origin),
  };
}

/** @throws {CustodyError} InvalidCertificate when it is not one complete certificate. */
export function parseCertificate(der: Uint8Array, origin: string): X509Certificate {
  try {
    // OpenSSL stops at the certificate's end, so what follows shows as a difference in length.
    if (new NativeCertificate(der).raw.length !== der.length) throw new Error("octets after the certificate");
    return new X509Certificate(new Uint8Array(der));
  } catch (cause) {
    throw invalid(`the certificate in ${origin} is damaged: it is not one complete X.509 certificate in DER`, cause);
  }
}

/** A key that this runtime does not know throws when it is looked at, so it is looked at here. */
function requireReadableKey(certificate: NativeCertificate, origin: string): void {
  try {
    void certificate.publicKey;
  } catch (cause) {
    const way = mentionsMlDsa(certificate.raw) ? `; ${ML_DSA_NEEDS}` : "";
    throw new CustodyError("UnsupportedKey", `the key of ${origin} is of a kind that cannot be used here${way}`, {
      cause,
    });
  }
}

/** A keyUsage that is absent restricts nothing (RFC 5280, 4.2.1.3); `openssl req -x509` writes none. */
function checkIsAuthority(certificate: X509Certificate, origin: string): void {
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  if (constraints?.ca !== true) {
    throw notAuthority(`${origin} is no CA certificate: its basicConstraints do not say CA:TRUE`);
  }
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & KeyUsageFlags.keyCertSign) === 0) {
    throw notAuthority(`${origin} may not sign certificates: its keyUsage lacks keyCertSign`);
  }
}

function nameConstraintsOf(certificate: X509Certificate, origin: string): Authority["nameConstraints"] {
  const extension = certificate.getExtension(NAME_CONSTRAINTS);
  if (extension === null) return undefined;
  try {
    return decodeNameConstraints(extension.value);
  } catch (cause) {
    throw invalid(`the name constraints of ${origin} cannot be honoured: ${(cause as Error).message}`, cause);
  }
}

/** Whether the one certificate, PEM, was signed by the other. */
export function isSignedBy(certificatePem: string, issuerPem: string): boolean {
  return isIssuedBy(new NativeCertificate(certificatePem), new NativeCertificate(issuerPem));
}

function isIssuedBy(certificate: NativeCertificate, issuer: NativeCertificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** An issuer at its very last second is as good as expired: nothing it signed could be used. */
export function checkValidity(
  { notBefore, notAfter }: Pick<Authority, "notBefore" | "notAfter">,
  now: Date,
  origin: string,
): void {
  if (now < notBefore) {
    throw new CustodyError(
      "IssuerNotYetValid",
      `${origin} is not valid before ${notBefore.toISOString()}, and it is ${now.toISOString()}; check this machine's clock`,
    );
  }
  if (now >= notAfter) {
    throw new CustodyError(
      "IssuerExpired",
      `${origin} expired at ${notAfter.toISOString()}, and it is ${now.toISOString()}; configure a CA that is valid`,
    );
  }
}

/** The CA certificates of a PEM text in its order. @throws {CustodyError} as `readAuthority`. */
export function readAuthorities(content: string, origin: string): readonly ReadAuthority[] {
  const blocks = readPemBlocks(content, origin, "InvalidCertificate");
  const other = blocks.find(({ label }) => label !== "CERTIFICATE");
  if (other !== undefined) throw invalid(`${origin} holds a PEM block of another kind: ${other.label}`);
  if (blocks.length > MAXIMUM_CHAIN) throw invalid(`${origin} holds more than ${MAXIMUM_CHAIN} certificates`);
  return blocks.map(({ text }, index) =>
    readAuthority(decodePemBlock(text, origin), `${origin}, certificate ${index + 1},`),
  );
}

/** @throws {CustodyError} InvalidCertificate. */
export function decodePemBlock(text: string, origin: string): Buffer {
  const base64 = text.split(/\r?\n/).slice(1, -1).join("").replaceAll(/\s/g, "");
  const der = Buffer.from(base64, "base64");
  if (der.toString("base64") !== base64) throw invalid(`the certificate in ${origin} is not valid base64`);
  return der;
}

/**
 * Puts the certificates above a CA in order and checks that they lead to a root: each signed by the next, valid now, with
 * room for those below it and names that those above it allow.
 *
 * @param others - in any order; all of them must belong to the chain.
 * @returns the CA's own issuer first, the self-signed root last; empty for a self-signed CA.
 * @throws {CustodyError} InvalidChain; IssuerExpired; IssuerNotYetValid.
 */
export function orderChain(
  authority: ReadAuthority,
  others: readonly ReadAuthority[],
  now: Date,
  origin: string,
): readonly ReadAuthority[] {
  const rest = others.filter(({ certificatePem }) => certificatePem !== authority.certificatePem);
  const chain: ReadAuthority[] = [];
  for (let last = authority; !last.isSelfSigned; ) {
    const next = rest.find((candidate) => !chain.includes(candidate) && isIssuedBy(last.native, candidate.native));
    if (next === undefined)
      throw badChain(`${origin} does not hold the certificate that signed ${quoted(last)}; append all up to the root`);
    chain.push(next);
    last = next;
  }
  const stray = rest.find((candidate) => !chain.includes(candidate));
  if (stray !== undefined) throw badChain(`${origin} holds ${quoted(stray)}, which is not above ${quoted(authority)}`);
  checkChain([authority, ...chain], now, origin);
  return chain;
}

function checkChain(chain: readonly ReadAuthority[], now: Date, origin: string): void {
  for (const [depth, authority] of chain.entries()) {
    checkValidity(authority, now, `${quoted(authority)} in ${origin}`);
    if (authority.pathLength !== undefined && authority.pathLength < depth)
      throw badChain(
        `${quoted(authority)} in ${origin} has path length ${authority.pathLength}, but ${depth} CA certificates are below it`,
      );
    const violation = authority.isSelfSigned
      ? undefined
      : subjectViolation(authority.subject, imposedBy(chain.slice(depth + 1)));
    if (violation !== undefined) throw badChain(`in ${origin} ${violation}`);
  }
}

/** What a CA that somebody else signed has to be. */
export interface AuthorityNeeds {
  /** How many CAs are to be below it, one below the other. */
  readonly depthBelow: number;
  /** It may not leave room for more; any number when undefined. */
  readonly maximumPathLength: number | undefined;
  /** These must be among its constraints, word for word; anything when undefined. */
  readonly nameConstraints: NameConstraints | undefined;
}

/**
 * Checks that a CA is no more and no less than was asked for.
 *
 * @param chain - the CA and everything above it.
 * @throws {CustodyError} InvalidChain.
 */
export function requireShape(chain: readonly ReadAuthority[], needs: AuthorityNeeds): void {
  const [own] = chain;
  if (own === undefined) return;
  for (const [depth, { commonName, pathLength = Number.POSITIVE_INFINITY }] of chain.entries()) {
    if (pathLength >= depth + needs.depthBelow) continue;
    throw badChain(
      `${JSON.stringify(commonName)} has path length ${pathLength}, but ${depth + needs.depthBelow} CAs are to be below it`,
    );
  }
  const { maximumPathLength, nameConstraints } = needs;
  const { pathLength = Number.POSITIVE_INFINITY } = own;
  if (maximumPathLength !== undefined && pathLength > maximumPathLength) {
    const found = own.pathLength === undefined ? "no path length" : `path length ${own.pathLength}`;
    throw badChain(`the certificate has ${found}, but pathLength ${maximumPathLength} is configured`);
  }
  if (nameConstraints !== undefined && !sameNameConstraints(nameConstraints, own.nameConstraints))
    throw badChain("the certificate has other name constraints than are configured");
}

/** The constraints of these CAs. */
export function imposedBy(authorities: readonly Authority[]): readonly ImposedConstraints[] {
  return authorities.flatMap(({ commonName: issuer, nameConstraints: constraints }) =>
    constraints === undefined ? [] : [{ issuer, constraints }],
  );
}

function quoted({ commonName }: Authority): string {
  return JSON.stringify(commonName);
}

function invalid(message: string, cause?: unknown): CustodyError {
  return new CustodyError("InvalidCertificate", message, { cause });
}

function badChain(message: string): CustodyError {
  return new CustodyError("InvalidChain", message);
}

function notAuthority(message: string): CustodyError {
  return new CustodyError("NotACertificateAuthority", message);
}
