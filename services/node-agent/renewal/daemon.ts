import { setTimeout } from "node:timers/promises";
import { AgentError } from "../agent-error.ts";
import { type RenewalDependencies, type RenewalOptions, type RenewalOutcome, renew } from "./renew.ts";

/** The clock may jump, and somebody else may renew: it is looked at this often at least. */
const LONGEST_SLEEP_MILLISECONDS = 3_600_000;
const SHORTEST_SLEEP_MILLISECONDS = 1_000;
const DUE_AT_ONCE_MILLISECONDS = 60_000;
const FIRST_PAUSE_MILLISECONDS = 10_000;
const LONGEST_PAUSE_MILLISECONDS = 900_000;
/** Of the time until it is due: many that were made together do not come together. */
const JITTER_SHARE = 0.1;

/**
 * Keeps a certificate renewed until the signal comes. A failure is logged and tried again, ever later; only a file that
 * cannot be used from the start ends it.
 *
 * @throws {AgentError} `unusable` at the first look.
 */
export async function keepRenewed(options: RenewalOptions, deps: RenewalDependencies): Promise<void> {
  const { signal } = deps;
  let failures = 0;
  let isFirst = true;
  let renewedAlready = false;
  while (!signal.aborted) {
    const pause = await renew(options, deps).then(
      (outcome) => {
        failures = 0;
        const isAgain = renewedAlready && outcome.kind === "renewed";
        renewedAlready = outcome.kind === "renewed";
        return isAgain ? tooSoon(options, deps) : untilDue(outcome, deps);
      },
      (error: unknown) => {
        if (signal.aborted) return 0;
        if (isFirst && error instanceof AgentError && error.failure === "unusable") throw error;
        failures += 1;
        deps.logger.error(
          { err: error, certificate: options.paths.certificateFile },
          "the certificate was not renewed",
        );
        const longest = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** (failures - 1), LONGEST_PAUSE_MILLISECONDS);
        return longest * (0.5 + deps.random() / 2);
      },
    );
    isFirst = false;
    await setTimeout(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns milliseconds until the next look. */
function untilDue(outcome: RenewalOutcome, { clock, random }: RenewalDependencies): number {
  if (outcome.kind === "renewed") return SHORTEST_SLEEP_MILLISECONDS;
  const left = Math.max(SHORTEST_SLEEP_MILLISECONDS, outcome.renewsAt.getTime() - clock.now().getTime());
  return Math.min(left + random() * left * JITTER_SHARE, LONGEST_SLEEP_MILLISECONDS);
}

/** A certificate that was due as soon as it came will be so the next time. */
function tooSoon({ paths }: RenewalOptions, { logger }: RenewalDependencies): number {
  logger.warn(
    { certificate: paths.certificateFile },
    "certificates live no longer than --before; renewing them slowly",
  );
  return DUE_AT_ONCE_MILLISECONDS;
}
