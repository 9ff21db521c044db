import type { Clock } from "../../shared/clock.ts";
import { type BackOff, createBackOff } from "./back-off.ts";
import { createNameQueue } from "./name-queue.ts";

/** `waiting`: nothing to do now, but the answer may be another one later. */
export type WorkResult = "done" | "waiting";

/** Work that goes on when somebody outside has answered. Meanwhile it keeps nothing else from being worked on. */
export interface Question<Hint> {
  /** What the work goes on with; a rejection means "try again later". */
  readonly answer: Promise<Hint>;
  /** Says that nobody waits for the answer any more. */
  readonly drop: () => void;
}

export interface WorkQueueOptions<Hint> {
  /** How many items are worked on at a time. */
  readonly concurrency: number;
  /** How many items may wait for answers; of the others only what needs none is worked on. */
  readonly maximumQuestions: number;
  /** Works on one item; a rejection means "try again later". `hint` is what `add` was last given, if it is still fresh. */
  readonly work: (name: string, hint: Hint | undefined) => Promise<WorkResult | Question<Hint>>;
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
  /** Works on `name` when the answer is there, unless it is added before: then nobody waits for that answer. */
  ask(name: string, question: Question<Hint>): void;
  /** Drops what waits under that name. */
  forget(name: string): void;
  /** Items that wait for their first or a demanded turn; backlog, retries and questions do not count. */
  readonly waiting: number;
  /** Items that wait, for a turn or an answer, or are being worked on. */
  readonly depth: number;
  /** Finishes what waits and what is being worked on, drops backlog, retries and questions. */
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
export function createWorkQueue<Hint>(options: WorkQueueOptions<Hint>): WorkQueue<Hint> {
  const { concurrency, maximumQuestions, work, onError, clock } = options;
  const ready = createNameQueue<Hint>();
  const backlog = createNameQueue<undefined>();
  const active = new Map<string, Turn<Hint>>();
  const questions = new Map<string, Question<Hint>>();
  const retries = new Map<string, Retry>();
  const afterFailure = createBackOff({ baseMs: 200, maximumMs: 1_000_000, ratePerSecond: 10, burst: 100 });
  const afterWaiting = createBackOff({ baseMs: 1000, maximumMs: 300_000, ratePerSecond: 10, burst: 100 });
  let onDrained: (() => void) | undefined;

  function add(name: string, hint?: Hint): void {
    cancelTimer(name);
    dropQuestion(name);
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
      const next = ready.take() ?? (questions.size < maximumQuestions ? backlog.take() : undefined);
      if (next === undefined) break;
      if (!active.has(next.name) && !questions.has(next.name)) run(next.name, next.hint);
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

  function settle(name: string, result: WorkResult | Question<Hint> | "failed", error: unknown): void {
    const turn = active.get(name);
    active.delete(name);
    if (turn?.isDirty) {
      ready.put(name, turn.hint);
      if (typeof result === "object") result.drop();
      if (result === "failed") onError(name, error, 0);
    } else if (typeof result === "object") {
      ask(name, result);
    } else {
      planNext(name, result, error);
    }
    pump();
  }

  function ask(name: string, question: Question<Hint>): void {
    const isOvertaken = active.has(name) || ready.has(name) || questions.has(name);
    if (isOvertaken || onDrained || questions.size >= maximumQuestions) {
      // Whoever dropped it does not care how it ends.
      question.answer.catch(() => undefined);
      question.drop();
      if (!isOvertaken && !onDrained) backlog.put(name, undefined);
      return;
    }
    questions.set(name, question);
    const answered = (use: () => void): void => {
      if (questions.get(name) !== question) return;
      questions.delete(name);
      use();
      pump();
    };
    question.answer.then(
      (hint) => answered(() => ready.put(name, hint)),
      (error: unknown) => answered(() => planNext(name, "failed", error)),
    );
  }

  function dropQuestion(name: string): void {
    const question = questions.get(name);
    if (question === undefined) return;
    questions.delete(name);
    question.drop();
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
    ask,
    forget(name) {
      cancelTimer(name);
      dropQuestion(name);
      retries.delete(name);
      ready.drop(name);
      backlog.drop(name);
    },
    get waiting() {
      return ready.size;
    },
    get depth() {
      return ready.size + backlog.size + active.size + questions.size;
    },
    async drain() {
      const drained = new Promise<void>((resolve) => {
        onDrained = resolve;
      });
      for (const name of retries.keys()) cancelTimer(name);
      retries.clear();
      backlog.clear();
      for (const name of [...questions.keys()]) dropQuestion(name);
      pump();
      await drained;
    },
  };
}
