import { LRUCache } from "lru-cache";
import { awaitsSignature, type CertificateSigningRequest, isUndecided } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import { isOurSigner } from "../domain/signer-profile.ts";
import { commit, conclude, withCondition } from "./conclude.ts";
import type { IssuanceDependencies } from "./contract.ts";
import { fingerprintOf, isSameDecision, OURSELVES, recordOf } from "./decision-records.ts";
import type { FactsCache } from "./facts-cache.ts";
import { observed } from "./phases.ts";
import type { WorkResult } from "./work-queue.ts";

/** How many pending requests' last decisions are remembered; others are looked up in the ledger. */
const MAX_REMEMBERED = 100_000;

/** Takes one request as far as it will go now. */
export interface Reviewer {
  /**
   * @param fresh - the object as it was just stored; read when undefined.
   * @throws when something could not be evaluated, signed or stored: to be tried again.
   */
  work(name: string, fresh: CertificateSigningRequest | undefined): Promise<WorkResult>;
}

export function createReviewer(deps: IssuanceDependencies, cache: FactsCache): Reviewer {
  /** By uid: what was last recorded about a pending request. */
  const remembered = new LRUCache<string, string>({ max: MAX_REMEMBERED });

  async function work(name: string, fresh: CertificateSigningRequest | undefined): Promise<WorkResult> {
    const csr = fresh ?? (await deps.requests.get(name));
    if (csr === undefined) return "done";
    if (isUndecided(csr)) return review(csr);
    if (awaitsSignature(csr) && isOurSigner(csr.spec.signerName)) {
      const result = await conclude(deps, { csr, facts: await cache.of(csr), decision: undefined });
      settle(csr);
      return result;
    }
    settle(csr);
    return "done";
  }

  async function review(csr: CertificateSigningRequest): Promise<WorkResult> {
    const kept = cache.of(csr);
    const facts = kept instanceof Promise ? await kept : kept;
    const now = deps.clock.now();
    const reviewed = observed(deps.observe, "review", () => deps.chain.review({ csr, facts, now }));
    // Waiting for what is there would have the signature asked for after others had their turn.
    const decision = reviewed instanceof Promise ? await reviewed : reviewed;
    const record = recordOf(decision, csr, OURSELVES, now);
    if (decision.outcome === "pending") {
      await keepPending(csr, record);
      return "waiting";
    }
    const result = await decide(csr, facts, record);
    settle(csr);
    return result;
  }

  async function decide(
    csr: CertificateSigningRequest,
    facts: CsrFacts,
    decision: DecisionRecord,
  ): Promise<WorkResult> {
    const type = decision.outcome === "approved" ? "Approved" : "Denied";
    const decided = withCondition(csr, type, decision.reason, decision.message, decision.decidedAt);
    if (type === "Approved") return conclude(deps, { csr: decided, facts, decision });
    await commit(deps, decided, { decision });
    deps.logger.info({ request: csr.metadata.name, hook: decision.hook, reason: decision.reason }, "denied a request");
    return "done";
  }

  /** Records that the request waits, unless that is on record in the same words already. */
  async function keepPending({ metadata, spec }: CertificateSigningRequest, decision: DecisionRecord): Promise<void> {
    const fingerprint = fingerprintOf(decision);
    const last = remembered.get(metadata.uid);
    if (last === fingerprint) return;
    if (last === undefined && (await isOnRecord(decision))) {
      remembered.set(metadata.uid, fingerprint);
      return;
    }
    await observed(deps.observe, "commit", () => deps.requests.recordDecision(decision));
    remembered.set(metadata.uid, fingerprint);
    deps.observe.decided("pending", OURSELVES, spec.signerName);
  }

  async function isOnRecord(decision: DecisionRecord): Promise<boolean> {
    const earlier = await deps.decisions.ofRequest(decision.requestName);
    const last = earlier.findLast(({ requestUid }) => requestUid === decision.requestUid);
    return last !== undefined && isSameDecision(last, decision);
  }

  function settle({ metadata }: CertificateSigningRequest): void {
    remembered.delete(metadata.uid);
    cache.forget(metadata.uid);
  }

  return { work };
}
