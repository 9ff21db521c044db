import { createPublicKey } from "node:crypto";
import { extname } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { IssuerDescription } from "../domain/issuer.ts";
import type { CertificateInspector, CertificateSigner, CsrDecoder } from "../domain/ports.ts";
import { type BatchQueue, createBatchQueue } from "./batch-queue.ts";
import { inspectPem } from "./certificate-inspector.ts";
import { readCertificate } from "./certificate-reader.ts";
import { loadIssuerCertificate } from "./issuer-certificate.ts";
import type { SigningIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingResult } from "./issuing-jobs.ts";
import { createIssuingPool } from "./issuing-pool.ts";

/** A batch takes a few milliseconds: long enough to make the hand-over cheap, short enough to wait behind. */
const MAX_BATCH = 32;
const DEFAULT_MAX_WAITING = 8192;

export interface SignerOptions {
  /** Everything that may sign; at least one. */
  readonly issuers: readonly SigningIssuer[];
  /** Threads that decode and sign; at least 1. */
  readonly workers: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Jobs that may wait for a worker before more are refused; 8,192 by default. */
  readonly maxWaiting?: number;
}

export interface Signer {
  readonly decoder: CsrDecoder;
  readonly signer: CertificateSigner;
  readonly inspector: CertificateInspector;
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
  const { clock, logger } = options;
  let descriptions = describeIssuers(options.issuers);
  const worker = new URL(`./issuing-worker${extname(import.meta.filename)}`, import.meta.url);
  const pool = createIssuingPool({ ...options, worker });
  const queue = createBatchQueue<IssuingJob, IssuingResult>({
    lanes: options.workers,
    maxBatch: MAX_BATCH,
    maxWaiting: options.maxWaiting ?? DEFAULT_MAX_WAITING,
    run: pool.run,
  });
  return {
    decoder: decoderOver(queue, logger),
    signer: signerOver(queue, (id) => descriptions.get(id), clock, logger),
    inspector: { inspectPem },
    readCertificate,
    changeIssuers(issuers) {
      descriptions = describeIssuers(issuers);
      pool.changeIssuers(issuers);
    },
    async close() {
      await queue.drain();
      await pool.close();
    },
  };
}

function describeIssuers(issuers: readonly SigningIssuer[]): ReadonlyMap<string, IssuerDescription> {
  const descriptions = issuers.map(({ certificateDer, privateKey }) => {
    const { description, publicKey } = loadIssuerCertificate(certificateDer);
    if (createPublicKey(privateKey).equals(publicKey)) return [description.id, description] as const;
    throw new TypeError("the issuer's key does not belong to its certificate");
  });
  return new Map(descriptions);
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
  issuerOf: (id: string) => IssuerDescription | undefined,
  clock: Clock,
  logger: Logger,
): CertificateSigner {
  return {
    async sign(intent, issuerId) {
      const issuer = issuerOf(issuerId);
      if (issuer === undefined) throw new StatusError("ServiceUnavailable", "the issuer does not sign any more");
      if (clock.now() >= issuer.notAfter) throw new StatusError("InternalError", "the issuer has expired");
      const result = await queue.submit({ kind: "sign", intent, issuerId });
      if (result.kind === "signed") {
        const { certificate, advice } = result;
        if (advice.length > 0) logger.info({ serial: certificate.serial, advice }, "issued against the RFC's advice");
        return certificate;
      }
      throw toError(result, logger);
    },
  };
}

/** The cause names rules and fields, never key material; it is for the log, the message for the caller. */
function toError(result: IssuingResult, logger: Logger): StatusError {
  if (result.kind !== "failed") return new StatusError("InternalError", "a signing worker mixed up its answers");
  logger.error({ cause: result.cause }, result.message);
  return new StatusError(result.reason, result.message);
}
