import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { extname } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateIntent } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { CertificateInspector, CertificateSigner, CsrDecoder } from "../domain/ports.ts";
import type { RemoteKey, SignatureDigest } from "../domain/remote-key.ts";
import type { RevocationListSigner, RevocationPointers } from "../domain/revocation-list.ts";
import { type BatchQueue, createBatchQueue } from "./batch-queue.ts";
import { inspectPem } from "./certificate-inspector.ts";
import { readCertificate } from "./certificate-reader.ts";
import { type IssuerCertificate, loadIssuerCertificate } from "./issuer-certificate.ts";
import type { LocalIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingResult } from "./issuing-jobs.ts";
import { createIssuingPool } from "./issuing-pool.ts";
import { revocationListSigner } from "./revocation-list-signer.ts";

/** A batch takes a few milliseconds: long enough to make the hand-over cheap, short enough to wait behind. */
const MAX_BATCH = 32;
const DEFAULT_MAX_WAITING = 8192;

/** An issuer and its key: one of ours, used on the signing threads, or one that signs where it is. */
export interface SigningIssuer {
  readonly certificateDer: Uint8Array;
  readonly privateKey: KeyObject | RemoteKey;
}

/** What the certificates of an issuer (by its id) say of where their revocation can be looked up; nothing when undefined. */
export type PointersOf = (issuerId: string) => RevocationPointers | undefined;

export interface SignerOptions {
  /** Everything that may sign; at least one. */
  readonly issuers: readonly SigningIssuer[];
  /** Threads that decode and sign; at least 1. */
  readonly workers: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether requests with ML-DSA keys are decoded; they are refused without it. */
  readonly acceptsMlDsa?: boolean;
  readonly pointersOf?: PointersOf;
  /** Jobs that may wait for a worker before more are refused; 8,192 by default. */
  readonly maxWaiting?: number;
}

export interface Signer {
  readonly decoder: CsrDecoder;
  readonly signer: CertificateSigner;
  readonly inspector: CertificateInspector;
  readonly revocationLists: RevocationListSigner;
  /**
   * Reads one certificate of any issuer, on the calling thread.
   * @throws {DerError} when it is malformed.
   */
  readonly readCertificate: (der: Uint8Array) => CertificateFacts;
  /**
   * Goes on with these issuers. What was accepted before is signed by the one it names, or refused when its turn comes
   * after the change.
   * @throws {TypeError} as `createSigner`; then nothing has changed.
   */
  changeIssuers(issuers: readonly SigningIssuer[]): void;
  /** Answers what was accepted, then ends the workers. */
  close(): Promise<void>;
}

/**
 * Starts the signing room: worker threads that decode CSRs and issue certificates under any of several issuers.
 *
 * @throws {TypeError} when a key is not its certificate's, or a certificate is no CA's.
 */
export function createSigner(options: SignerOptions): Signer {
  const { clock, logger, pointersOf = () => undefined } = options;
  const localIssuer = (issuer: SigningIssuer) => toLocalIssuer(issuer, pointersOf);
  let known = knownIssuers(options.issuers);
  const worker = new URL(`./issuing-worker${extname(import.meta.filename)}`, import.meta.url);
  const pool = createIssuingPool({ ...options, issuers: options.issuers.map(localIssuer), worker });
  const queue = createBatchQueue<IssuingJob, IssuingResult>({
    lanes: options.workers,
    maxBatch: MAX_BATCH,
    maxWaiting: options.maxWaiting ?? DEFAULT_MAX_WAITING,
    run: pool.run,
  });
  return {
    decoder: decoderOver(queue, logger),
    signer: signerOver(queue, (id) => known.get(id), clock, logger),
    inspector: { inspectPem },
    revocationLists: revocationListSigner((id) => known.get(id)),
    readCertificate,
    changeIssuers(issuers) {
      known = knownIssuers(issuers);
      pool.changeIssuers(issuers.map(localIssuer));
    },
    async close() {
      await queue.drain();
      await pool.close();
    },
  };
}

/** What the front thread needs to know of an issuer. */
interface KnownIssuer {
  readonly certificate: IssuerCertificate;
  /** The signing threads have it too, unless it is elsewhere. */
  readonly privateKey: KeyObject | RemoteKey;
}

function knownIssuers(issuers: readonly SigningIssuer[]): ReadonlyMap<string, KnownIssuer> {
  const known = issuers.map(({ certificateDer, privateKey }) => {
    const certificate = loadIssuerCertificate(certificateDer);
    if (!publicHalf(privateKey).equals(certificate.publicKey))
      throw new TypeError("the issuer's key does not belong to its certificate");
    return [certificate.description.id, { certificate, privateKey }] as const;
  });
  return new Map(known);
}

function publicHalf(key: KeyObject | RemoteKey): KeyObject {
  if ("spkiDer" in key) return createPublicKey({ key: Buffer.from(key.spkiDer), format: "der", type: "spki" });
  return createPublicKey(key);
}

function remoteKeyOf(key: KeyObject | RemoteKey): RemoteKey | undefined {
  return "spkiDer" in key ? key : undefined;
}

function toLocalIssuer({ certificateDer, privateKey }: SigningIssuer, pointersOf: PointersOf): LocalIssuer {
  const pointers = pointersOf(hash("sha256", certificateDer));
  return { certificateDer, privateKey: "spkiDer" in privateKey ? undefined : privateKey, pointers };
}

function decoderOver(queue: BatchQueue<IssuingJob, IssuingResult>, logger: Logger): CsrDecoder {
  return {
    async decode(requestBase64) {
      const result = await queue.submit({ kind: "decode", requestBase64 });
      if (result.kind === "decoded") return result.decoding;
      throw toError(result, logger);
    },
  };
}

function signerOver(
  queue: BatchQueue<IssuingJob, IssuingResult>,
  issuerOf: (id: string) => KnownIssuer | undefined,
  clock: Clock,
  logger: Logger,
): CertificateSigner {
  return {
    async sign(intent, issuerId) {
      const issuer = issuerOf(issuerId);
      if (issuer === undefined) throw new StatusError("ServiceUnavailable", "the issuer does not sign any more");
      const { certificate: issuerCertificate, privateKey } = issuer;
      if (clock.now() >= issuerCertificate.description.notAfter)
        throw new StatusError("InternalError", "the issuer has expired");
      const remoteKey = remoteKeyOf(privateKey);
      const { digest } = issuerCertificate.signature;
      const result =
        remoteKey === undefined
          ? await queue.submit({ kind: "sign", intent, issuerId })
          : await signElsewhere(queue, { intent, issuerId, remoteKey, digest });
      if (result.kind === "signed") {
        const { certificate, advice } = result;
        if (advice.length > 0) logger.info({ serial: certificate.serial, advice }, "issued against the RFC's advice");
        return certificate;
      }
      throw toError(result, logger);
    },
  };
}

interface RemoteSigning {
  readonly digest: SignatureDigest;
  readonly intent: CertificateIntent;
  readonly issuerId: string;
  readonly remoteKey: RemoteKey;
}

/** The one path in two halves: a signing thread builds, the key signs where it is, a signing thread lints, re-reads and verifies. */
async function signElsewhere(
  queue: BatchQueue<IssuingJob, IssuingResult>,
  { intent, issuerId, remoteKey, digest }: RemoteSigning,
): Promise<IssuingResult> {
  const built = await queue.submit({ kind: "prepare", intent, issuerId });
  if (built.kind !== "prepared") return built;
  const { prepared } = built;
  const signature = await remoteKey.sign(digest, prepared.toBeSigned, "der");
  return queue.submit({ kind: "finish", prepared, signature, issuerId });
}

/** The cause names rules and fields, never key material; it is for the log, the message for the caller. */
function toError(result: IssuingResult, logger: Logger): StatusError {
  if (result.kind !== "failed") return new StatusError("InternalError", "a signing worker mixed up its answers");
  logger.error({ cause: result.cause }, result.message);
  return new StatusError(result.reason, result.message);
}
