import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../../shared/clock.ts";
import type { AccessDecision } from "../../domain/authorization.ts";

export interface DecisionCacheSettings {
  readonly authorizedSeconds: number;
  readonly unauthorizedSeconds: number;
  readonly clock: Clock;
  /** An entry is about 500 octets. */
  readonly maximumEntries?: number;
}

/** Remembers answers, and asks once what is asked several times at once. */
export interface DecisionCache {
  /**
   * @param question - everything that the answer depends on.
   * @param find - rejects when there is no answer, which is not remembered.
   */
  decide(question: string, find: () => Promise<AccessDecision>): AccessDecision | Promise<AccessDecision>;
}

const MAXIMUM_ENTRIES = 8_192;
/** Longer questions are asked every time: names and paths are the caller's, who could fill the memory with them. */
const MAXIMUM_CHARACTERS = 10_000;

interface Remembered {
  readonly decision: AccessDecision;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go. */
export function createDecisionCache(settings: DecisionCacheSettings): DecisionCache {
  const { authorizedSeconds, unauthorizedSeconds, clock, maximumEntries = MAXIMUM_ENTRIES } = settings;
  const answers = new LRUCache<string, Remembered>({ max: maximumEntries });
  const pending = new Map<string, Promise<AccessDecision>>();

  async function ask(key: string, find: () => Promise<AccessDecision>): Promise<AccessDecision> {
    try {
      const decision = await find();
      const seconds = decision.allowed ? authorizedSeconds : unauthorizedSeconds;
      if (seconds > 0) answers.set(key, { decision, until: clock.now().getTime() + seconds * 1000 });
      return decision;
    } finally {
      pending.delete(key);
    }
  }

  return {
    decide(question, find) {
      if (question.length > MAXIMUM_CHARACTERS) return find();
      const key = hash("sha256", question, "base64");
      const known = answers.get(key);
      if (known !== undefined && clock.now().getTime() < known.until) return known.decision;
      const underWay = pending.get(key);
      if (underWay !== undefined) return underWay;
      const asking = ask(key, find);
      pending.set(key, asking);
      return asking;
    },
  };
}
