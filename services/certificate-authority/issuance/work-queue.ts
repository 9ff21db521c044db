import type { Clock } from "../../shared/clock.ts";
import { type BackOff, createBackOff } from "./back-off.ts";
import { createNameQueue } from "./name-queue.ts";

/** `waiting`: nothing to do now, but the answer may be another one later. */
export type WorkResult = "done" | "waiting";

export interface WorkQueueOptions<Hint> {
  /** How many items are worked on at a time. */
  readonly concurrency: number;
  /** Works on one item; a rejection means "try again later". `hint` is what `add` was last given, if it is still fresh. */
  readonly work: (name: string, hint: Hint | undefined) => Promise<WorkResult>;
  readonly onError: (name: string, error: unknown, retryInMs: number) => void;
  readonly clock: Clock;
}

export interface WorkQueue<Hint> {
  /** Works on `name` soon, and once more after that when it is being worked on. Repeated adds count once. */
  add(name: string, hint?: Hint): void;
  /** Works on these when nothing else waits. */
  addBacklog(names: readonly string[]): void;
  /**
   * Takes an item in on which the first work was done elsewhere, with its outcome.
   * @param error - what `failed` means.
   */
  worked(name: string, outcome: WorkResult | "failed", error?: unknown): void;
  /** Drops what waits under that name. */
  forget(name: string): void;
  /** Items that wait for their first or a demanded turn; backlog and retries do not count. */
  readonly waiting: number;
  /** Items that wait or are being worked on. */
  readonly depth: number;
  /** Finishes what waits and what is being worked on, drops backlog and retries. */
  drain(): Promise<void>;
}

interface Turn<Hint> {
  isDirty: boolean;
  hint: Hint | undefined;
}

interface Retry {
  failures: number;
  waits: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * A queue of names: de-duplicated, never working on one name twice at a time, with retries. Failures back off from
 * 200 ms to 1000 s as Kubernetes' controllers do; waiting items are asked again from 1 s to 5 min, so that a changed
 * configuration is noticed without anybody touching them.
 *
 * What waits is bounded by the number of stored objects, each of which is in here at most once.
 */
export function createWorkQueue<Hint>({ concurrency, work, onError, clock }: WorkQueueOptions<Hint>): WorkQueue<Hint> {
  const ready = createNameQueue<Hint>();
  const backlog = createNameQueue<undefined>();
  const active = new Map<string, Turn<Hint>>();
  const retries = new Map<string, Retry>();
  const afterFailure = createBackOff({ baseMs: 200, maximumMs: 1_000_000, ratePerSecond: 10, burst: 100 });
  const afterWaiting = createBackOff({ baseMs: 1000, maximumMs: 300_000, ratePerSecond: 10, burst: 100 });
  let onDrained: (() => void) | undefined;

  function add(name: string, hint?: Hint): void {
    cancelTimer(name);
    const turn = active.get(name);
    if (turn) {
      turn.isDirty = true;
      turn.hint = hint;
      return;
    }
    ready.put(name, hint);
    pump();
  }

  function pump(): void {
    while (active.size < concurrency) {
      const next = ready.take() ?? backlog.take();
      if (next === undefined) break;
      if (!active.has(next.name)) run(next.name, next.hint);
    }
    if (onDrained && active.size === 0 && ready.size === 0) onDrained();
  }

  function run(name: string, hint: Hint | undefined): void {
    cancelTimer(name);
    active.set(name, { isDirty: false, hint: undefined });
    work(name, hint).then(
      (result) => settle(name, result, undefined),
      (error: unknown) => settle(name, "failed", error),
    );
  }

  function settle(name: string, result: WorkResult | "failed", error: unknown): void {
    const turn = active.get(name);
    active.delete(name);
    if (turn?.isDirty) {
      ready.put(name, turn.hint);
      if (result === "failed") onError(name, error, 0);
    } else {
      planNext(name, result, error);
    }
    pump();
  }

  function planNext(name: string, result: WorkResult | "failed", error: unknown): void {
    if (result === "done") retries.delete(name);
    else if (result === "waiting") retryLater(name, "waits", afterWaiting);
    else onError(name, error, retryLater(name, "failures", afterFailure));
  }

  function retryLater(name: string, kind: "failures" | "waits", backOff: BackOff): number {
    if (onDrained) return 0;
    const retry = retries.get(name) ?? { failures: 0, waits: 0, timer: undefined };
    const delayMs = backOff.delayMs(retry[kind], clock.now());
    retry[kind] += 1;
    if (kind === "waits") retry.failures = 0;
    retry.timer = setTimeout(() => add(name), delayMs);
    retry.timer.unref();
    retries.set(name, retry);
    return delayMs;
  }

  function cancelTimer(name: string): void {
    const retry = retries.get(name);
    if (!retry) return;
    clearTimeout(retry.timer);
    retry.timer = undefined;
  }

  return {
    add,
    addBacklog(names) {
      for (const name of names) backlog.put(name, undefined);
      pump();
    },
    worked: planNext,
    forget(name) {
      cancelTimer(name);
      retries.delete(name);
      ready.drop(name);
      backlog.drop(name);
    },
    get waiting() {
      return ready.size;
    },
    get depth() {
      return ready.size + backlog.size + active.size;
    },
    async drain() {
      const drained = new Promise<void>((resolve) => {
        onDrained = resolve;
      });
      for (const name of retries.keys()) cancelTimer(name);
      retries.clear();
      backlog.clear();
      pump();
      await drained;
    },
  };
}
