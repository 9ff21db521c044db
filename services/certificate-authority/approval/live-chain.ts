import { goOn } from "../../shared/go-on.ts";
import type { Decision } from "../domain/decision.ts";
import type { ApprovalChain, ReviewRequest } from "../domain/ports.ts";
import type { BuiltChain } from "./chain.ts";

/** The chain in force, while it is replaced by others. */
export interface LiveChain extends ApprovalChain {
  readonly current: BuiltChain;
  /**
   * The next review asks `next`. Reviews that are under way are finished by the former chain, and put to the new one then
   * unless they ended in a denial: nothing is approved by a chain that is not in force. What the former chain holds is
   * freed when it has answered.
   *
   * @param onError - told when something could not be freed.
   */
  replace(next: BuiltChain, onError: (error: unknown) => void): void;
  /** Breaks off what goes on and frees everything. */
  close(): Promise<void>;
}

/** Told of each decision; synchronous and quick. */
export type DecisionListener = (request: ReviewRequest, decision: Decision) => void;

/** Puts `first` in force. */
export function createLiveChain(first: BuiltChain, onDecision?: DecisionListener): LiveChain {
  let current = first;
  /** Chains that still answer. */
  const leaving = new Set<BuiltChain>();

  function review(request: ReviewRequest): Decision | Promise<Decision> {
    const asked = current;
    return goOn(asked.review(request), (decision) => {
      if (current !== asked && decision.outcome !== "denied") return review(request);
      onDecision?.(request, decision);
      return decision;
    });
  }

  return {
    get current() {
      return current;
    },
    review,
    approvalsNeeded: (csr) => current.approvalsNeeded(csr),
    replace(next, onError) {
      const former = current;
      current = next;
      leaving.add(former);
      former
        .close(false)
        .catch(onError)
        .finally(() => leaving.delete(former));
    },
    async close() {
      await Promise.all([current, ...leaving].map((chain) => chain.close(true)));
    },
  };
}
