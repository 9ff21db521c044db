import { isStatusError } from "../../shared/status-error.ts";
import type { IssuanceObserver, Phase } from "./contract.ts";

/**
 * Awaits one phase of the work and reports how long it took, or that it went wrong. A refusal that is the caller's to
 * handle (a name that is taken, a write that came too late) is an answer, nothing that went wrong.
 */
export async function observed<T>(observe: IssuanceObserver, phase: Phase, work: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    const result = await work;
    observe.phase(phase, (performance.now() - startedAt) / 1000);
    return result;
  } catch (error) {
    if (!isStatusError(error) || error.code >= 500) observe.failed(phase, error);
    throw error;
  }
}
