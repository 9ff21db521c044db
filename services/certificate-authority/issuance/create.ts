import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { Decision } from "../domain/decision.ts";
import type { Creation } from "./creation.ts";
import type { FactsCache } from "./facts-cache.ts";
import type { FreshRequest, Reviewer } from "./review.ts";
import type { Submission } from "./submit.ts";
import type { WorkQueue, WorkResult } from "./work-queue.ts";

interface Workers {
  readonly reviewer: Reviewer;
  readonly cache: FactsCache;
  readonly queue: WorkQueue<FreshRequest>;
}

/** How far a request came before it was stored. */
type FirstWork =
  | { readonly kind: "worked"; readonly result: WorkResult }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "asked"; readonly reviewed: Promise<Decision> };

/**
 * Stores a request. What follows from it without asking anybody outside, the certificate included, is stored in the same
 * commit; the queue takes over from there.
 *
 * @throws {StatusError} what the store refuses the request with.
 */
export async function createAndWork(
  { reviewer, cache, queue }: Workers,
  submission: Submission,
  creation: Creation,
): Promise<CertificateSigningRequest> {
  const work = await firstWork(reviewer, submission, creation);
  const stored = await creation.created();
  if (work.kind === "worked" && work.result === "done") return stored;
  const { name, uid } = stored.metadata;
  cache.keep(uid, submission.facts);
  if (work.kind === "asked") queue.add(name, { csr: stored, reviewed: work.reviewed });
  else if (work.kind === "failed") queue.worked(name, "failed", work.error);
  else queue.worked(name, work.result);
  return stored;
}

async function firstWork(reviewer: Reviewer, { csr, facts }: Submission, creation: Creation): Promise<FirstWork> {
  try {
    const reviewed = reviewer.review(csr, facts);
    if (!(reviewed instanceof Promise)) {
      return { kind: "worked", result: await reviewer.follow(csr, facts, reviewed, creation.store) };
    }
    // Whoever works on the request learns of a failure; until then it is nobody's.
    reviewed.catch(() => undefined);
    return { kind: "asked", reviewed };
  } catch (error) {
    return { kind: "failed", error };
  }
}
