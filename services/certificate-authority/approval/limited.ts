import type { Verdict } from "../domain/decision.ts";
import type { ApprovalHook, HookLoad, ReviewInput } from "../domain/ports.ts";
import { createWaitingLine } from "./waiting-line.ts";

export interface Limits {
  /** How long one answer may take, from when the hook is asked; the time in line does not count. */
  readonly timeoutSeconds: number;
  /** How many requests it is asked about at a time. */
  readonly concurrency: number;
}

/** More than requests are stored by default: only a flood that nothing is stored of gets here. */
const MAXIMUM_WAITING = 250_000;

/** How long a hook may take to notice that nobody waits for it, before its place is given away all the same. */
const GRACE_MILLISECONDS = 5000;

/** Why a hook is not asked to the end that is no failure of whom it asks: nobody wants its answer any more. */
export class AnswerUnwanted extends Error {}

/** The message of who waited in line, or was being asked, when the hook was closed. */
const HOOK_CLOSED = "the hook is no longer asked";

const SETTLED = "the request was settled while the hook was to be asked";

/**
 * Limits how long, and about how many requests at a time, a hook is asked that waits for somebody outside. The others
 * stand in line, first come, first served, except that what was reviewed before lets most of what is new go first; who is
 * not wanted any more (decided by a person, deleted) leaves it. The hook is given a signal that says when nobody waits
 * for its answer any more; until it has settled, or some seconds have passed, its place stays taken, so that what it
 * started is bounded as well.
 *
 * The review rejects with `no answer within N s`, with `HOOK_CLOSED`, or with what the hook threw.
 */
export function limited(hook: ApprovalHook, { timeoutSeconds, concurrency }: Limits): ApprovalHook {
  const line = createWaitingLine();
  const running = new Set<AbortController>();
  let isClosed = false;
  let onIdle: (() => void) | undefined;

  function review(input: ReviewInput): Promise<Verdict> {
    if (isClosed) return Promise.reject(new AnswerUnwanted(HOOK_CLOSED));
    if (running.size < concurrency) return ask(input);
    if (line.size >= MAXIMUM_WAITING) return Promise.reject(new Error("too many requests wait for the hook"));
    return new Promise((resolve, reject) => {
      const leave = line.join({ start: () => resolve(ask(input)), refuse: reject }, input.isRepeated === true);
      whenLost(input, () => {
        leave();
        reject(new AnswerUnwanted(SETTLED));
      });
    });
  }

  function ask(input: ReviewInput): Promise<Verdict> {
    const controller = new AbortController();
    const { signal } = controller;
    running.add(controller);
    whenLost(input, () => controller.abort(new AnswerUnwanted(SETTLED)));
    const expire = () => controller.abort(new Error(`no answer within ${timeoutSeconds} s`));
    const tooLate = setTimeout(expire, timeoutSeconds * 1000).unref();
    const answer = answerOf(hook, input, signal);
    void settledOrOverdue(answer, signal).then(() => {
      clearTimeout(tooLate);
      running.delete(controller);
      admit();
    });
    return Promise.race([answer, aborted(signal)]);
  }

  function admit(): void {
    while (running.size < concurrency) {
      const next = line.next();
      if (next === undefined) break;
      next.start();
    }
    if (running.size === 0) onIdle?.();
  }

  return {
    name: hook.name,
    review,
    load: (): HookLoad => ({ asking: running.size, waiting: line.size }),
    async close(isUrgent) {
      isClosed = true;
      for (let next = line.next(); next !== undefined; next = line.next()) next.refuse(new AnswerUnwanted(HOOK_CLOSED));
      if (isUrgent) for (const controller of running) controller.abort(new AnswerUnwanted(HOOK_CLOSED));
      if (running.size > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      await hook.close?.(isUrgent);
    },
  };
}

function whenLost({ interest }: ReviewInput, listener: () => void): void {
  if (interest !== undefined) interest.onLost = listener;
}

/** Also when the hook answers, or throws, at once. */
async function answerOf(hook: ApprovalHook, input: ReviewInput, signal: AbortSignal): Promise<Verdict> {
  return hook.review(input, signal);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Resolves when the answer has settled, or was still not there some time after nobody waited for it any more. */
function settledOrOverdue(answer: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let overdue: NodeJS.Timeout | undefined;
    signal.addEventListener(
      "abort",
      () => {
        overdue = setTimeout(resolve, GRACE_MILLISECONDS).unref();
      },
      { once: true },
    );
    const settled = (): void => {
      clearTimeout(overdue);
      resolve();
    };
    answer.then(settled, settled);
  });
}
