import { hash, type KeyObject, randomFillSync, sign, X509Certificate } from "node:crypto";
import { LRUCache } from "lru-cache";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateIntent, SignedCertificate } from "../domain/certificate.ts";
import type { CsrDecoding } from "../domain/csr-facts.ts";
import { adviseOn } from "./certificate-advice.ts";
import { createCertificateBuilder } from "./certificate-builder.ts";
import { lintCertificate } from "./certificate-lint.ts";
import { serialHex } from "./certificate-reader.ts";
import { findDifferences } from "./certificate-rereader.ts";
import { decodeRequests } from "./csr-decoder.ts";
import { loadIssuerCertificate } from "./issuer-certificate.ts";
import { encodePem } from "./pem.ts";
import { importPublicKey } from "./public-key.ts";
import { type Attempt, start, step } from "./steps.ts";

const SERIAL_OCTETS = 16;
/** Keys of requests that were decoded and are about to be signed; importing one again costs as much as half a check. */
const REMEMBERED_KEYS = 1024;

/** An issuer's certificate and the key it signs with. The key is used, never exported. */
export interface SigningIssuer {
  readonly certificateDer: Uint8Array;
  readonly privateKey: KeyObject;
}

export type SigningOutcome =
  | {
      readonly kind: "signed";
      readonly certificate: SignedCertificate;
      /** See `adviseOn`. */
      readonly advice: readonly string[];
    }
  /** InternalError: the finished certificate is not what was intended; it was dropped. */
  | { readonly kind: "refused"; readonly error: StatusError };

/** The whole work of issuing, on one thread and synchronous, many at a time. */
export interface IssuingCore {
  /** See `decodeRequests`. */
  decode(requests: readonly string[]): readonly CsrDecoding[];
  /**
   * Builds, signs, lints and re-reads a certificate for each intent; answers in their order. When the last signature
   * does not verify, none is released.
   */
  sign(intents: readonly CertificateIntent[]): readonly SigningOutcome[];
}

/** Public keys by the SHA-256 of their SPKI. */
type KeyMemory = LRUCache<string, KeyObject>;

/** A memory of keys, to be shared by the cores of one thread: what one of them decoded any may be asked to sign. */
export function createKeyMemory(): KeyMemory {
  return new LRUCache({ max: REMEMBERED_KEYS });
}

export function createIssuingCore(
  { certificateDer, privateKey }: SigningIssuer,
  keys = createKeyMemory(),
): IssuingCore {
  const issuer = loadIssuerCertificate(certificateDer);
  const builder = createCertificateBuilder(issuer);

  function keyOf(spkiDer: Uint8Array): KeyObject {
    return keys.get(hash("sha256", spkiDer)) ?? importPublicKey(spkiDer);
  }

  function build(intent: CertificateIntent): Draft {
    const serial = randomSerial();
    // A copy: the builder's view ends with the next intent.
    return { intent, serial, toBeSigned: Buffer.from(builder.toBeSigned(intent, serial)) };
  }

  function signDraft({ intent, serial, toBeSigned }: Draft): Leaf {
    const signature = sign(issuer.signature.digest, toBeSigned, privateKey);
    return { intent, serial, der: builder.certificate(toBeSigned, signature) };
  }

  function lint(leaf: Leaf): Leaf {
    expectNone(lintCertificate(leaf.der, leaf.intent, issuer));
    return leaf;
  }

  function reread(leaf: Leaf): RereadLeaf {
    const found = new X509Certificate(leaf.der);
    const key = keyOf(leaf.intent.spkiDer);
    expectNone(findDifferences(found, leaf.intent, key, issuer));
    return { leaf, found, advice: adviseOn(leaf.intent, key.asymmetricKeyType) };
  }

  function verifySignature({ found }: RereadLeaf): void {
    if (!found.verify(issuer.publicKey)) throw new Error("signature is not the issuer's");
  }

  /**
   * Verifies the last signature of a batch for all of it. To verify each would take two thirds of the time that the rest
   * of signing takes, and the key was proven to be the issuer's at the start. A key, library or core that breaks later is
   * found within one batch, of which nothing has left by then. On a server that is not busy a batch has one member, so
   * each is verified.
   */
  function vouch(leaves: readonly Attempt<RereadLeaf>[]): readonly Attempt<RereadLeaf>[] {
    const last = leaves.findLast((attempt) => "value" in attempt);
    const [verdict] = step(last === undefined ? [] : [last], verifySignature);
    if (verdict === undefined || "value" in verdict) return leaves;
    return leaves.map((attempt) => ("value" in attempt ? verdict : attempt));
  }

  function release({ leaf: { intent, serial, der }, advice }: RereadLeaf): SigningOutcome {
    const { notBefore, notAfter } = intent;
    const issuerId = issuer.description.id;
    const [pem, fingerprint] = [encodePem("CERTIFICATE", der), hash("sha256", der)];
    const certificate = { pem, der, serial: serialHex(serial), fingerprint, issuerId, notBefore, notAfter };
    return { kind: "signed", certificate, advice };
  }

  return {
    decode: (requests) => decodeRequests(requests, ({ facts, key }) => void keys.set(facts.spkiSha256, key)),
    sign(intents) {
      const signed = step(step(start(intents), build), signDraft);
      const released = step(vouch(step(step(signed, lint), reread)), release);
      return released.map((attempt) =>
        "value" in attempt ? attempt.value : { kind: "refused", error: toRefusal(attempt.error) },
      );
    },
  };
}

interface Draft {
  readonly intent: CertificateIntent;
  readonly serial: Buffer;
  readonly toBeSigned: Buffer;
}

interface Leaf {
  readonly intent: CertificateIntent;
  readonly serial: Buffer;
  readonly der: Buffer;
}

interface RereadLeaf {
  readonly leaf: Leaf;
  readonly found: X509Certificate;
  readonly advice: readonly string[];
}

function expectNone(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.join("; "));
}

/** Which rule failed is for operators: it stands in the cause. */
function toRefusal(cause: unknown): StatusError {
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
