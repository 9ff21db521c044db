import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { isStatusError } from "../../shared/status-error.ts";
import type {
  OcspAnswer,
  OcspCertificateId,
  OcspCodec,
  OcspFailure,
  OcspQuestion,
  OcspStatus,
} from "../domain/ocsp.ts";
import type { Certificates } from "../domain/ports.ts";
import type { Revocations } from "../domain/revocation.ts";

/** Some 2 KB each. */
const MAX_KEPT = 2_000;

/** An answer as it goes out. */
export interface OcspReply {
  readonly der: Uint8Array;
  /** Until when it may be kept by anybody; undefined when it is for one question alone, or none at all. */
  readonly keptUntil: Date | undefined;
  readonly thisUpdate: Date | undefined;
}

/** Answers whether certificates are revoked. */
export interface OcspResponder {
  /** Never throws: what goes wrong is an answer as well. */
  answer(request: Uint8Array): Promise<OcspReply>;
}

export interface OcspDependencies {
  readonly codec: OcspCodec;
  readonly certificates: Pick<Certificates, "withSerial">;
  readonly revocations: Pick<Revocations, "head" | "ofCertificate">;
  readonly validitySeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Kept {
  readonly reply: OcspReply;
  /** What was revoked when it was made. */
  readonly head: number;
}

export function createOcspResponder(deps: OcspDependencies): OcspResponder {
  const { codec, certificates, revocations, clock, logger } = deps;
  const kept = new LRUCache<string, Kept>({ max: MAX_KEPT });

  async function statusOf({ issuerId, serial }: OcspCertificateId, answeredFor: string): Promise<OcspStatus> {
    // One responder signs for one issuer.
    if (issuerId !== answeredFor) return { kind: "unknown" };
    const found = (await certificates.withSerial(serial)).find((each) => each.issuerId === issuerId);
    if (found === undefined) return { kind: "unknown" };
    if (found.state !== "revoked") return { kind: "good" };
    const revocation = await revocations.ofCertificate(found.fingerprint);
    return { kind: "revoked", at: revocation?.at ?? found.issuedAt, reason: revocation?.reason ?? "unspecified" };
  }

  async function signed(question: OcspQuestion, issuerId: string): Promise<OcspReply> {
    const now = clock.now();
    const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000);
    const nextUpdate = new Date(thisUpdate.getTime() + deps.validitySeconds * 1000);
    const answers = await Promise.all(
      question.certificates.map(async (id) => ({ encoded: id.encoded, status: await statusOf(id, issuerId) })),
    );
    const answer: OcspAnswer = { certificates: answers, nonce: question.nonce, thisUpdate, nextUpdate };
    const der = await codec.sign(issuerId, answer);
    // What is unknown now may be signed in a moment.
    const mayBeKept = question.nonce === undefined && answers.every(({ status }) => status.kind !== "unknown");
    return { der, thisUpdate, keptUntil: mayBeKept ? nextUpdate : undefined };
  }

  function isFresh({ reply, head }: Kept): boolean {
    const age = clock.now().getTime() - (reply.thisUpdate?.getTime() ?? 0);
    return head === revocations.head() && age >= 0 && age < (deps.validitySeconds * 1000) / 2;
  }

  function failed(failure: OcspFailure): OcspReply {
    return { der: codec.failure(failure), keptUntil: undefined, thisUpdate: undefined };
  }

  async function answerTo(request: Uint8Array): Promise<OcspReply> {
    const key = createHash("sha256").update(request).digest("base64");
    const before = kept.get(key);
    if (before !== undefined && isFresh(before)) return before.reply;
    const head = revocations.head();
    const question = read(request);
    if (question === undefined) return failed("malformedRequest");
    const issuerId = question.certificates.find((id) => id.issuerId !== undefined)?.issuerId;
    if (issuerId === undefined) return failed("unauthorized");
    const reply = await signed(question, issuerId);
    if (reply.keptUntil !== undefined) kept.set(key, { reply, head });
    return reply;
  }

  function read(request: Uint8Array): OcspQuestion | undefined {
    try {
      return codec.read(request);
    } catch (error) {
      logger.debug({ err: error }, "an OCSP request cannot be read");
      return undefined;
    }
  }

  return {
    async answer(request) {
      try {
        return await answerTo(request);
      } catch (error) {
        logger.error({ err: error }, "an OCSP request could not be answered");
        return failed(isStatusError(error, "ServiceUnavailable") ? "tryLater" : "internalError");
      }
    },
  };
}
