import { hash, type KeyObject, randomFillSync, sign } from "node:crypto";
import { LRUCache } from "lru-cache";
import { isStatusError, StatusError } from "../../shared/status-error.ts";
import type { CertificateIntent, SignedCertificate } from "../domain/certificate.ts";
import type { CsrDecoding } from "../domain/csr-facts.ts";
import { createCertificateBuilder } from "./certificate-builder.ts";
import { lintCertificate } from "./certificate-lint.ts";
import { serialHex } from "./certificate-reader.ts";
import { findDifferences } from "./certificate-rereader.ts";
import { decodeRequest } from "./csr-decoder.ts";
import { loadIssuerCertificate } from "./issuer-certificate.ts";
import { encodePem } from "./pem.ts";
import { importPublicKey } from "./public-key.ts";

const SERIAL_OCTETS = 16;
/** Keys of requests that were decoded and are about to be signed; importing one again costs as much as half a check. */
const REMEMBERED_KEYS = 1024;

/** An issuer's certificate and the key it signs with. The key is used, never exported. */
export interface SigningIssuer {
  readonly certificateDer: Uint8Array;
  readonly privateKey: KeyObject;
}

/** The whole work of issuing, on one thread and synchronous. */
export interface IssuingCore {
  /** See `decodeRequest`. */
  decode(requestBase64: string): CsrDecoding;
  /**
   * Builds, signs, lints and re-reads one certificate.
   * @throws {StatusError} InternalError when the finished certificate is not what was intended; it is then dropped.
   */
  sign(intent: CertificateIntent): SignedCertificate;
}

export function createIssuingCore({ certificateDer, privateKey }: SigningIssuer): IssuingCore {
  const issuer = loadIssuerCertificate(certificateDer);
  const builder = createCertificateBuilder(issuer);
  const keys = new LRUCache<string, KeyObject>({ max: REMEMBERED_KEYS });

  function keyOf(spkiDer: Buffer): KeyObject {
    return keys.get(hash("sha256", spkiDer)) ?? importPublicKey(spkiDer);
  }

  function issue(intent: CertificateIntent): SignedCertificate {
    const serial = randomSerial();
    const toBeSigned = builder.toBeSigned(intent, serial);
    const der = builder.certificate(toBeSigned, sign(issuer.signature.digest, toBeSigned, privateKey));
    const faults = [
      ...lintCertificate(der, intent, issuer),
      ...findDifferences(der, intent, keyOf(Buffer.from(intent.spkiDer)), issuer),
    ];
    if (faults.length > 0) throw new Error(faults.join("; "));
    return {
      pem: encodePem("CERTIFICATE", der),
      der,
      serial: serialHex(serial),
      fingerprint: hash("sha256", der),
      issuerId: issuer.description.id,
      notBefore: intent.notBefore,
      notAfter: intent.notAfter,
    };
  }

  return {
    decode: (requestBase64) => decodeRequest(requestBase64, ({ facts, key }) => void keys.set(facts.spkiSha256, key)),
    sign(intent) {
      try {
        return issue(intent);
      } catch (cause) {
        throw toRefusal(cause);
      }
    },
  };
}

/** Which rule failed is for operators: it stands in the cause. */
function toRefusal(cause: unknown): StatusError {
  if (isStatusError(cause)) return cause;
  return new StatusError("InternalError", "the certificate failed its checks and was not released", { cause });
}

/** Drawn many at a time: each call to the generator costs more than a serial's octets. Every octet is used once. */
const randomOctets = Buffer.alloc(SERIAL_OCTETS * 256);
const ZERO = Buffer.alloc(SERIAL_OCTETS);
let randomAt = randomOctets.length;

/** Uniform in [1, 2^128). Source: kubernetes pkg/controller/certificates/authority/authority.go. */
function randomSerial(): Buffer {
  for (;;) {
    if (randomAt === randomOctets.length) {
      randomFillSync(randomOctets);
      randomAt = 0;
    }
    const serial = Buffer.from(randomOctets.subarray(randomAt, randomAt + SERIAL_OCTETS));
    randomAt += SERIAL_OCTETS;
    if (!serial.equals(ZERO)) return serial;
  }
}
