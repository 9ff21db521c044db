import "reflect-metadata";
import { createHash, type KeyObject } from "node:crypto";
import type { IssuerDescription } from "../domain/issuer.ts";
import { checkValidity, decodePemBlock, parseCertificate, type ReadAuthority, readAuthority } from "./authority.ts";
import { CustodyError } from "./custody-error.ts";
import { describeKey, publicHalf } from "./key-strength.ts";
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
  const der = decodePemBlock(block.text, path);
  parseCertificate(der, path);
  return der;
}

export interface CheckedIssuer {
  readonly description: IssuerDescription;
  readonly authority: ReadAuthority;
}

/**
 * Describes a CA certificate and checks that it may sign with this key now.
 *
 * @param key - the private key, or its public half when the key itself is elsewhere.
 * @param origin - what to call it in messages.
 * @throws {CustodyError} InvalidCertificate, KeyMismatch, NotACertificateAuthority, IssuerNotYetValid, IssuerExpired,
 *   UnsupportedKey, KeyTooWeak.
 */
export function checkIssuer(certificateDer: Uint8Array, key: KeyObject, now: Date, origin: string): CheckedIssuer {
  const certificate = parseCertificate(certificateDer, origin);
  const spki = Buffer.from(certificate.publicKey.rawData);
  const ownSpki = publicHalf(key).export({ format: "der", type: "spki" });
  if (!spki.equals(ownSpki)) {
    throw new CustodyError("KeyMismatch", `the private key is not the one of the certificate ${origin}`);
  }
  const keyAlgorithm = describeKey(key, origin);
  const authority = readAuthority(certificateDer, origin);
  checkValidity(authority, now, origin);
  const description: IssuerDescription = {
    id: createHash("sha256").update(certificateDer).digest("hex"),
    commonName: authority.commonName,
    keyAlgorithm,
    certificateDer,
    certificatePem: encodePem("CERTIFICATE", certificateDer),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  };
  return { description, authority };
}

function invalid(message: string, cause?: unknown): CustodyError {
  return new CustodyError("InvalidCertificate", message, { cause });
}
