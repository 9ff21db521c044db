import { setTimeout } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { AgentError } from "../agent-error.ts";
import type { SigningApi } from "./signing-api.ts";

const FIRST_PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 30_000;

export interface PatienceDependencies {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Does something again for a while when the server cannot be reached, at growing intervals that are nobody else's. */
export type Patience = <T>(work: () => Promise<T>) => Promise<T>;

/** @param retrySeconds - for each piece of work. */
export function patience(retrySeconds: number, { clock, random, logger, signal }: PatienceDependencies): Patience {
  return async (work) => {
    const until = clock.now().getTime() + retrySeconds * 1000;
    for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS)) {
      try {
        return await work();
      } catch (error) {
        const mayHelp = error instanceof AgentError && error.failure === "unreachable";
        if (!mayHelp || clock.now().getTime() >= until) throw error;
        logger.warn({ because: error.message }, "could not ask the server; trying again");
        await setTimeout(pause * (0.5 + random()), undefined, { signal });
      }
    }
  };
}

/** The same API, asked with patience. */
export function patientApi(api: SigningApi, again: Patience): SigningApi {
  return { create: (wanted) => again(() => api.create(wanted)), get: (name) => again(() => api.get(name)) };
}
