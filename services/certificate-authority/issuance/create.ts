import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { PendingRequests, SigningIssuers } from "../domain/ports.ts";
import type { Creation } from "./creation.ts";
import type { FactsCache } from "./facts-cache.ts";
import { type Asked, type FreshRequest, questionOf, type Reviewer } from "./review.ts";
import type { Submission } from "./submit.ts";
import type { WorkQueue, WorkResult } from "./work-queue.ts";

interface Workers {
  readonly issuers: SigningIssuers;
  readonly reviewer: Reviewer;
  readonly cache: FactsCache;
  readonly queue: WorkQueue<FreshRequest>;
  readonly pending: PendingRequests | undefined;
}

/** How far a request came before it was stored. */
type FirstWork =
  | { readonly kind: "worked"; readonly result: WorkResult }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "asked"; readonly asked: Asked }
  | { readonly kind: "remote"; readonly fresh: Pick<FreshRequest, "decision"> };

/**
 * Stores a request. What follows from it without waiting for anybody outside, a hook or a token, is stored in the same
 * commit, the certificate included; the queue takes over from there.
 *
 * @throws {StatusError} what the store refuses the request with.
 */
export async function createAndWork(
  { issuers, reviewer, cache, queue, pending }: Workers,
  submission: Submission,
  creation: Creation,
): Promise<CertificateSigningRequest> {
  const work = await firstWork(issuers, reviewer, submission, creation);
  const stored = await createdOrDropped(creation, work);
  if (work.kind === "worked" && work.result === "done") return stored;
  const { name, uid } = stored.metadata;
  cache.keep(uid, submission.facts);
  pending?.keep(stored, submission.facts);
  if (work.kind === "asked") queue.ask(name, questionOf(stored, work.asked));
  else if (work.kind === "remote") queue.add(name, { csr: stored, ...work.fresh });
  else if (work.kind === "failed") queue.worked(name, "failed", work.error);
  else queue.worked(name, work.result);
  return stored;
}

async function firstWork(
  issuers: SigningIssuers,
  reviewer: Reviewer,
  { csr, facts }: Submission,
  { store }: Creation,
): Promise<FirstWork> {
  try {
    const asked = reviewer.review(csr, facts);
    const { decision } = asked;
    if (decision instanceof Promise) {
      // Whoever works on the request learns of a failure; until then it is nobody's.
      decision.catch(() => undefined);
      return { kind: "asked", asked };
    }
    const availability = issuers.issuerFor(csr.spec.signerName);
    const isRemote = availability.kind === "ready" && availability.issuer.isRemote;
    if (isRemote && decision.outcome === "approved") return { kind: "remote", fresh: { decision } };
    return { kind: "worked", result: await reviewer.follow(csr, facts, decision, store) };
  } catch (error) {
    return { kind: "failed", error };
  }
}

async function createdOrDropped(creation: Creation, work: FirstWork): Promise<CertificateSigningRequest> {
  try {
    return await creation.created();
  } catch (error) {
    if (work.kind === "asked") work.asked.drop();
    throw error;
  }
}
