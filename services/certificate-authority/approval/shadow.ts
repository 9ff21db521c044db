import type { Decision, Outcome } from "../domain/decision.ts";
import type { ReviewRequest } from "../domain/ports.ts";
import type { ShadowDecisions, ShadowStatus } from "../domain/shadow.ts";
import { isIncomplete } from "./arbitration.ts";
import type { BuiltChain } from "./chain.ts";

export interface ShadowDependencies {
  readonly chain: BuiltChain;
  readonly record: ShadowDecisions["record"];
  readonly now: () => Date;
  /** Told when a difference could not be recorded. */
  readonly onError: (error: unknown) => void;
  /** Reviews that go on at a time, and that wait; more are dropped. */
  readonly maximumReviews?: number;
  readonly maximumWaiting?: number;
}

/** A chain that decides nothing: it reviews what was decided, and its differences are recorded. */
export interface Shadow {
  /** To be told of each decision of the chain in force, after it was made; costs nothing but a place in line. */
  follow(request: ReviewRequest, decision: Decision): void;
  status(): ShadowStatus;
  /** The files that its hooks were made from. */
  files(): readonly string[];
  close(isUrgent: boolean): Promise<void>;
}

interface Followed {
  readonly request: ReviewRequest;
  readonly decision: Decision;
}

export function createShadow(deps: ShadowDependencies): Shadow {
  const { chain, record, now, onError, maximumReviews = 16, maximumWaiting = 1000 } = deps;
  const since = now();
  const waiting: Followed[] = [];
  const differed = new Map<string, { live: Outcome; shadow: Outcome; count: number }>();
  let [agreed, failed, dropped, running] = [0, 0, 0, 0];
  let isClosed = false;
  let isPlanned = false;

  function work(): void {
    isPlanned = false;
    while (running < maximumReviews) {
      const next = waiting.shift();
      if (next === undefined) return;
      running += 1;
      void review(next).finally(() => {
        running -= 1;
        plan();
      });
    }
  }

  /** Other work goes first. */
  function plan(): void {
    if (isPlanned || waiting.length === 0) return;
    isPlanned = true;
    setImmediate(work);
  }

  async function review({ request, decision: live }: Followed): Promise<void> {
    try {
      const { csr, facts } = request;
      const shadow = await chain.review({ csr, facts, now: request.now, isRehearsal: true });
      if (isIncomplete(shadow)) failed += 1;
      else if (shadow.outcome === live.outcome) agreed += 1;
      else await differ(request, live, shadow);
    } catch (error) {
      failed += 1;
      onError(error);
    }
  }

  async function differ({ csr }: ReviewRequest, live: Decision, shadow: Decision): Promise<void> {
    const direction = `${live.outcome} ${shadow.outcome}`;
    const counted = differed.get(direction) ?? { live: live.outcome, shadow: shadow.outcome, count: 0 };
    counted.count += 1;
    differed.set(direction, counted);
    await record({
      at: now(),
      requestUid: csr.metadata.uid,
      requestName: csr.metadata.name,
      signerName: csr.spec.signerName,
      requester: csr.spec.username ?? "",
      live: { outcome: live.outcome, hook: live.hook },
      shadow,
    });
  }

  return {
    follow(request, decision) {
      // What waits is asked about again and again; the shadow is asked once.
      const isRepetition = request.isRepeated === true && decision.outcome === "pending";
      if (isClosed || request.isRehearsal === true || isIncomplete(decision) || isRepetition) return;
      if (waiting.length >= maximumWaiting) {
        dropped += 1;
        return;
      }
      waiting.push({ request, decision });
      plan();
    },
    status: () => ({ since, agreed, failed, dropped, differed: [...differed.values()].map((each) => ({ ...each })) }),
    files: () => chain.files(),
    async close(isUrgent) {
      isClosed = true;
      waiting.length = 0;
      await chain.close(isUrgent);
    },
  };
}
