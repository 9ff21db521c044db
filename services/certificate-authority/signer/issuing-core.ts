import { hash, type KeyObject, randomFillSync, sign, X509Certificate } from "node:crypto";
import { LRUCache } from "lru-cache";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateIntent, SignedCertificate } from "../domain/certificate.ts";
import type { CsrDecoding } from "../domain/csr-facts.ts";
import type { RevocationPointers } from "../domain/revocation-list.ts";
import { adviseOn } from "./certificate-advice.ts";
import { createCertificateBuilder } from "./certificate-builder.ts";
import { lintCertificate } from "./certificate-lint.ts";
import { serialHex } from "./certificate-reader.ts";
import { findDifferences } from "./certificate-rereader.ts";
import { decodeRequests } from "./csr-decoder.ts";
import { loadIssuerCertificate } from "./issuer-certificate.ts";
import { encodePem } from "./pem.ts";
import { importPublicKey, type KeyAcceptance } from "./public-key.ts";
import { type Attempt, start, step } from "./steps.ts";

const SERIAL_OCTETS = 16;
/** Keys of requests that were decoded and are about to be signed; importing one again costs as much as half a check. */
const REMEMBERED_KEYS = 1024;

/** An issuer's certificate and the key it signs with. The key is used, never exported. */
export interface LocalIssuer {
  readonly certificateDer: Uint8Array;
  /** Undefined when the key is elsewhere: then `prepare` and `finish` have its signatures made there. */
  readonly privateKey: KeyObject | undefined;
  /** Where its certificates say that their revocation can be looked up. */
  readonly pointers?: RevocationPointers | undefined;
}

/** What is to be signed elsewhere. Survives a structured clone. */
export interface PreparedCertificate {
  readonly intent: CertificateIntent;
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  /** TBSCertificate, DER. */
  readonly toBeSigned: Uint8Array;
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

export type PreparationOutcome =
  | { readonly kind: "prepared"; readonly prepared: PreparedCertificate }
  | Extract<SigningOutcome, { kind: "refused" }>;

/** The whole work of issuing, on one thread and synchronous, many at a time. */
export interface IssuingCore {
  /** See `decodeRequests`. */
  decode(requests: readonly string[]): readonly CsrDecoding[];
  /**
   * Builds, signs, lints and re-reads a certificate for each intent; answers in their order. When the last signature
   * does not verify, none is released.
   */
  sign(intents: readonly CertificateIntent[]): readonly SigningOutcome[];
  /** Builds what a key that is elsewhere is to sign. */
  prepare(intent: CertificateIntent): PreparationOutcome;
  /**
   * Lints, re-reads and verifies the certificate of a signature that was made elsewhere, as `sign` does with its own.
   * @param signature - as it stands in a certificate, DER for ECDSA.
   */
  finish(prepared: PreparedCertificate, signature: Uint8Array): SigningOutcome;
}

/** Public keys by the SHA-256 of their SPKI. */
type KeyMemory = LRUCache<string, KeyObject>;

/** A memory of keys, to be shared by the cores of one thread: what one of them decoded any may be asked to sign. */
export function createKeyMemory(): KeyMemory {
  return new LRUCache({ max: REMEMBERED_KEYS });
}

export function createIssuingCore(
  { certificateDer, privateKey, pointers }: LocalIssuer,
  keys = createKeyMemory(),
  acceptance?: KeyAcceptance,
): IssuingCore {
  const issuer = loadIssuerCertificate(certificateDer, pointers);
  const builder = createCertificateBuilder(issuer);

  /** Forgets it: a request is signed once, and keys that are kept longer than that are what the collector works on. */
  function takeKey(spkiDer: Uint8Array): KeyObject {
    const name = hash("sha256", spkiDer);
    const key = keys.get(name);
    keys.delete(name);
    return key ?? importPublicKey(spkiDer);
  }

  function build(intent: CertificateIntent): Draft {
    const serial = randomSerial();
    // A copy: the builder's view ends with the next intent.
    return { intent, serial, toBeSigned: Buffer.from(builder.toBeSigned(intent, serial)) };
  }

  function signDraft({ intent, serial, toBeSigned }: Draft): Leaf {
    if (privateKey === undefined) throw new Error("the issuer's key is elsewhere");
    const signature = sign(issuer.signature.digest, toBeSigned, privateKey);
    return { intent, serial, der: builder.certificate(toBeSigned, signature) };
  }

  function lint(leaf: Leaf): Leaf {
    expectNone(lintCertificate(leaf.der, leaf.intent, issuer));
    return leaf;
  }

  function reread(leaf: Leaf): RereadLeaf {
    const found = new X509Certificate(leaf.der);
    const key = takeKey(leaf.intent.spkiDer);
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
    decode: (requests) =>
      decodeRequests(requests, ({ facts, key }) => void keys.set(facts.spkiSha256, key), acceptance),
    sign(intents) {
      const signed = step(step(start(intents), build), signDraft);
      const released = step(vouch(step(step(signed, lint), reread)), release);
      return released.map(outcomeOf);
    },
    prepare(intent) {
      const [attempt] = step(step(start([intent]), build), detach);
      return attempt !== undefined && "value" in attempt ? attempt.value : refusal(attempt?.error);
    },
    finish({ intent, serial, toBeSigned }, signature) {
      const der = builder.certificate(Buffer.from(toBeSigned), Buffer.from(signature));
      // A batch of one: whoever keeps the key is not trusted to sign what it was given, so every signature is verified.
      const [attempt] = step(
        vouch(step(step(start([{ intent, serial: Buffer.from(serial), der }]), lint), reread)),
        release,
      );
      return outcomeOf(attempt);
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

function outcomeOf(attempt: Attempt<SigningOutcome> | undefined): SigningOutcome {
  if (attempt !== undefined && "value" in attempt) return attempt.value;
  return refusal(attempt?.error);
}

function refusal(cause: unknown): Extract<SigningOutcome, { kind: "refused" }> {
  return { kind: "refused", error: toRefusal(cause) };
}

/** In memory of its own: what crosses to another thread takes all of its buffer along, a shared pool too. */
function detach({ intent, serial, toBeSigned }: Draft): PreparationOutcome {
  return {
    kind: "prepared",
    prepared: { intent, serial: Uint8Array.from(serial), toBeSigned: Uint8Array.from(toBeSigned) },
  };
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
