import { isStatusError } from "../../shared/status-error.ts";
import type { IssuanceObserver, Phase } from "./contract.ts";

/**
 * Passes one phase of the work on and reports how long it took, or that it went wrong; reported at once when the phase
 * answers at once. A refusal that is the caller's to handle (a name that is taken, a write that came too late) is an
 * answer, nothing that went wrong.
 */
export function observed<T>(observe: IssuanceObserver, phase: Phase, work: () => Promise<T>): Promise<T>;
export function observed<T>(observe: IssuanceObserver, phase: Phase, work: () => T | Promise<T>): T | Promise<T>;
export function observed<T>(observe: IssuanceObserver, phase: Phase, work: () => T | Promise<T>): T | Promise<T> {
  const startedAt = performance.now();
  const succeed = (result: T): T => {
    observe.phase(phase, (performance.now() - startedAt) / 1000);
    return result;
  };
  const fail = (error: unknown): never => {
    if (!isStatusError(error) || error.code >= 500) observe.failed(phase, error);
    throw error;
  };
  let answer: T | Promise<T>;
  try {
    answer = work();
  } catch (error) {
    return fail(error);
  }
  return answer instanceof Promise ? answer.then(succeed, fail) : succeed(answer);
}
