import { LRUCache } from "lru-cache";
import { isIncomplete } from "../approval/arbitration.ts";
import { awaitsSignature, type CertificateSigningRequest, isUndecided } from "../domain/certificate-signing-request.ts";
import { isServedSigner } from "../domain/configured-signer.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { Decision, DecisionRecord } from "../domain/decision.ts";
import { commit, conclude, withCondition } from "./conclude.ts";
import type { IssuanceDependencies, OutcomeStore } from "./contract.ts";
import { fingerprintOf, isSameDecision, OURSELVES, recordOf } from "./decision-records.ts";
import type { FactsCache } from "./facts-cache.ts";
import { observed } from "./phases.ts";
import type { Question, WorkResult } from "./work-queue.ts";

/** How many pending requests' last decisions are remembered; others are looked up in the ledger. */
const MAX_REMEMBERED = 100_000;

/** A stored request, and the chain's answer when it is there. */
export interface FreshRequest {
  readonly csr: CertificateSigningRequest;
  readonly decision?: Decision;
}

/** A review that was begun. */
export interface Asked {
  readonly decision: Decision | Promise<Decision>;
  /** Says that nobody waits for the decision any more. */
  readonly drop: () => void;
}

/** What the work on a request goes on with when its review is through. */
export function questionOf(csr: CertificateSigningRequest, { decision, drop }: Asked): Question<FreshRequest> {
  const answer = Promise.resolve(decision).then((decided) => ({ csr, decision: decided }));
  // Of a dropped question nobody learns how it ends.
  answer.catch(() => undefined);
  return { answer, drop };
}

/** Takes one request as far as it will go now. */
export interface Reviewer {
  /**
   * @param fresh - the object as it was just stored; read when undefined.
   * @returns a question when the chain waits for somebody outside: the work goes on with its answer.
   * @throws when something could not be evaluated, signed or stored: to be tried again.
   */
  work(name: string, fresh: FreshRequest | undefined): Promise<WorkResult | Question<FreshRequest>>;
  /** Asks the chain. */
  review(csr: CertificateSigningRequest, facts: CsrFacts): Asked;
  /**
   * Does what a decision asks for.
   * @param store - where the outcome goes, when that is not the store of all requests.
   * @throws as `work`.
   */
  follow(
    csr: CertificateSigningRequest,
    facts: CsrFacts,
    decision: Decision,
    store?: OutcomeStore,
  ): Promise<WorkResult>;
}

export function createReviewer(deps: IssuanceDependencies, cache: FactsCache): Reviewer {
  /** By uid: what was last recorded about a pending request. */
  const remembered = new LRUCache<string, string>({ max: MAX_REMEMBERED });

  async function work(name: string, fresh: FreshRequest | undefined): Promise<WorkResult | Question<FreshRequest>> {
    const csr = fresh?.csr ?? (await deps.requests.get(name));
    if (csr === undefined) {
      deps.pending?.removeNamed(name);
      return "done";
    }
    if (isUndecided(csr)) {
      const kept = cache.of(csr);
      const facts = kept instanceof Promise ? await kept : kept;
      deps.pending?.keep(csr, facts);
      if (fresh?.decision !== undefined) return follow(csr, facts, fresh.decision);
      const asked = review(csr, facts);
      return asked.decision instanceof Promise ? questionOf(csr, asked) : follow(csr, facts, asked.decision);
    }
    if (awaitsSignature(csr) && isServedSigner(csr.spec.signerName, deps.configuredSigners)) {
      const result = await conclude(deps, { csr, facts: await cache.of(csr), decision: undefined });
      settle(csr);
      return result;
    }
    settle(csr);
    return "done";
  }

  function review(csr: CertificateSigningRequest, facts: CsrFacts): Asked {
    const interest: { isLost: boolean; onLost: (() => void) | undefined } = { isLost: false, onLost: undefined };
    const isRepeated = remembered.has(csr.metadata.uid);
    const request = { csr, facts, now: deps.clock.now(), isRepeated, interest };
    return {
      decision: observed(deps.observe, "review", () => deps.chain.review(request)),
      drop() {
        interest.isLost = true;
        interest.onLost?.();
      },
    };
  }

  async function follow(
    csr: CertificateSigningRequest,
    facts: CsrFacts,
    decision: Decision,
    store: OutcomeStore = deps.requests,
  ): Promise<WorkResult> {
    const record = recordOf(decision, csr, OURSELVES, deps.clock.now());
    if (decision.outcome === "pending") {
      // Somebody was faster, and the record is not to end with "it waits".
      if (store === deps.requests && !(await isStillUndecided(csr))) return "done";
      await keepPending(store, csr, record);
      if (isIncomplete(decision)) throw couldNotAsk(decision);
      return "waiting";
    }
    const result = await decide(store, csr, facts, record);
    settle(csr);
    return result;
  }

  async function isStillUndecided({ metadata }: CertificateSigningRequest): Promise<boolean> {
    const stored = await deps.requests.get(metadata.name);
    return stored === undefined || isUndecided(stored);
  }

  function couldNotAsk({ message }: Decision): Error {
    const error = new Error(message);
    deps.observe.failed("review", error);
    return error;
  }

  async function decide(
    store: OutcomeStore,
    csr: CertificateSigningRequest,
    facts: CsrFacts,
    decision: DecisionRecord,
  ): Promise<WorkResult> {
    const type = decision.outcome === "approved" ? "Approved" : "Denied";
    const decided = withCondition(csr, type, decision.reason, decision.message, decision.decidedAt);
    const into = store === deps.requests ? deps : { ...deps, requests: store };
    if (type === "Approved") return conclude(into, { csr: decided, facts, decision });
    await commit(into, decided, { decision });
    deps.logger.info({ request: csr.metadata.name, hook: decision.hook, reason: decision.reason }, "denied a request");
    return "done";
  }

  /** Records that the request waits, unless that is on record in the same words already. */
  async function keepPending(
    store: OutcomeStore,
    { metadata, spec }: CertificateSigningRequest,
    decision: DecisionRecord,
  ): Promise<void> {
    const fingerprint = fingerprintOf(decision);
    const last = remembered.get(metadata.uid);
    if (last === fingerprint) return;
    if (last === undefined && (await isOnRecord(decision))) {
      remembered.set(metadata.uid, fingerprint);
      return;
    }
    await observed(deps.observe, "commit", () => store.recordDecision(decision));
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
    deps.pending?.remove(metadata.uid);
  }

  return { work, review, follow };
}
