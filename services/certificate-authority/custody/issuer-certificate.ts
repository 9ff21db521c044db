import "reflect-metadata";
import { createHash, createPublicKey, type KeyObject, X509Certificate as NativeCertificate } from "node:crypto";
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509Certificate } from "@peculiar/x509";
import type { IssuerDescription } from "../domain/issuer.ts";
import { CustodyError } from "./custody-error.ts";
import { describeKey } from "./key-strength.ts";
import { encodePem, readPemBlocks } from "./pem.ts";

/**
 * Reads a CA file: exactly one certificate, whose DER is complete and has nothing after it.
 *
 * @param path - for messages.
 * @returns the DER.
 * @throws {CustodyError} InvalidCertificate.
 * Source: kubernetes pkg/controller/certificates/signer/ca_provider.go.
 */
export function readCertificatePem(content: string, path: string): Buffer {
  const blocks = readPemBlocks(content, path, "InvalidCertificate");
  const [block] = blocks;
  if (block === undefined || blocks.length > 1 || block.label !== "CERTIFICATE") {
    const found = blocks.map(({ label }) => label).join(", ") || "none";
    throw invalid(`${path} must hold exactly one PEM block, a CERTIFICATE; found: ${found}`);
  }
  const base64 = block.text.split(/\r?\n/).slice(1, -1).join("").replaceAll(/\s/g, "");
  const der = Buffer.from(base64, "base64");
  if (der.toString("base64") !== base64) throw invalid(`the certificate in ${path} is not valid base64`);
  parse(der, path);
  return der;
}

/**
 * Describes a CA certificate and checks that it may sign with this key now.
 *
 * @param origin - what to call it in messages.
 * @throws {CustodyError} InvalidCertificate, KeyMismatch, NotACertificateAuthority, IssuerNotYetValid, IssuerExpired,
 *   UnsupportedKey, KeyTooWeak.
 */
export function checkIssuer(
  certificateDer: Uint8Array,
  privateKey: KeyObject,
  now: Date,
  origin: string,
): IssuerDescription {
  const certificate = parse(certificateDer, origin);
  const spki = Buffer.from(certificate.publicKey.rawData);
  const ownSpki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  if (!spki.equals(ownSpki)) {
    throw new CustodyError("KeyMismatch", `the private key is not the one of the certificate ${origin}`);
  }
  const keyAlgorithm = describeKey(privateKey, origin);
  checkAuthority(certificate, origin);
  checkValidity(certificate, now, origin);
  return {
    id: createHash("sha256").update(certificateDer).digest("hex"),
    commonName: certificate.subjectName.getField("CN").at(-1) ?? "",
    keyAlgorithm,
    certificateDer,
    certificatePem: encodePem("CERTIFICATE", certificateDer),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  };
}

function parse(der: Uint8Array, origin: string): X509Certificate {
  try {
    // OpenSSL stops at the certificate's end, so what follows shows as a difference in length.
    if (new NativeCertificate(der).raw.length !== der.length) throw new Error("octets after the certificate");
    return new X509Certificate(new Uint8Array(der));
  } catch (cause) {
    throw invalid(`the certificate in ${origin} is damaged: it is not one complete X.509 certificate in DER`, cause);
  }
}

/** A keyUsage that is absent restricts nothing (RFC 5280, 4.2.1.3); `openssl req -x509` writes none. */
function checkAuthority(certificate: X509Certificate, origin: string): void {
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  if (constraints?.ca !== true) {
    throw notAuthority(`${origin} is no CA certificate: its basicConstraints do not say CA:TRUE`);
  }
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & KeyUsageFlags.keyCertSign) === 0) {
    throw notAuthority(`${origin} may not sign certificates: its keyUsage lacks keyCertSign`);
  }
}

/** An issuer at its very last second is as good as expired: nothing it signed could be used. */
function checkValidity({ notBefore, notAfter }: X509Certificate, now: Date, origin: string): void {
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

function invalid(message: string, cause?: unknown): CustodyError {
  return new CustodyError("InvalidCertificate", message, { cause });
}

function notAuthority(message: string): CustodyError {
  return new CustodyError("NotACertificateAuthority", message);
}
