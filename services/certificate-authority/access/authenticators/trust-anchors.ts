import { X509Certificate } from "node:crypto";
import { AuthenticationSetupError } from "./authenticator.ts";

/** Longest way from a client's certificate to a CA. */
const MAXIMUM_DEPTH = 4;
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** CAs of one kind of client. */
export interface TrustAnchors {
  /**
   * Whether the certificate's chain ends at one of these CAs. The TLS layer has checked it for dates and constraints; what
   * it does not tell is at which of all the CAs it ended.
   */
  issued(certificateDer: Uint8Array, intermediatesDer: readonly Uint8Array[]): boolean;
  /** Whether one of these CAs has the key of one of the others. */
  sharesKeyWith(other: TrustAnchors): boolean;
  readonly publicKeys: readonly string[];
}

/**
 * @param strangersPem - CAs below these that issue nothing that counts: no chain leads through them.
 * @throws {AuthenticationSetupError} when the PEM text holds no certificate, or one that cannot be read.
 */
export function trustAnchorsOf(pem: string, origin: string, strangersPem = ""): TrustAnchors {
  const anchors = readCertificates(pem, origin);
  const publicKeys = anchors.map(publicKeyOf);
  const strangers = new Set(strangersPem === "" ? [] : readCertificates(strangersPem, origin).map(publicKeyOf));
  return {
    publicKeys,
    sharesKeyWith: (other) => other.publicKeys.some((key) => publicKeys.includes(key)),
    issued: (certificateDer, intermediatesDer) => {
      const intermediates = intermediatesDer
        .slice(0, MAXIMUM_DEPTH)
        .map((der) => new X509Certificate(der))
        .filter((certificate) => !strangers.has(publicKeyOf(certificate)));
      return leadsTo(anchors, new X509Certificate(certificateDer), intermediates, MAXIMUM_DEPTH);
    },
  };
}

function publicKeyOf({ publicKey }: X509Certificate): string {
  return publicKey.export({ type: "spki", format: "der" }).toString("hex");
}

function readCertificates(pem: string, origin: string): readonly X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new AuthenticationSetupError(`${origin} holds no PEM certificate`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new AuthenticationSetupError(`${origin} holds a certificate that cannot be read`, { cause });
  }
}

function leadsTo(
  anchors: readonly X509Certificate[],
  certificate: X509Certificate,
  intermediates: readonly X509Certificate[],
  depth: number,
): boolean {
  if (anchors.some((anchor) => isIssuedBy(certificate, anchor))) return true;
  if (depth === 0) return false;
  return intermediates.some(
    (issuer) => issuer.ca && isIssuedBy(certificate, issuer) && leadsTo(anchors, issuer, intermediates, depth - 1),
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
