import type { Check, CheckContext, Finding, Outcome } from "./contract.ts";
import { error, messageOf, skipped } from "./findings.ts";

/** A check and what it found. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly findings: readonly Finding[];
}

export interface Diagnosis {
  readonly checks: readonly CheckResult[];
  /** How many findings there are of each outcome. */
  readonly summary: Readonly<Record<Outcome, number>>;
}

/** Runs checks side by side, none longer than its time; what one throws is its finding. */
export async function runChecks(
  checks: readonly Check[],
  context: CheckContext,
  timeoutMilliseconds: number,
): Promise<Diagnosis> {
  const results = await Promise.all(checks.map((check) => runCheck(check, context, timeoutMilliseconds)));
  const summary = { ok: 0, warning: 0, error: 0, skipped: 0 };
  for (const { outcome } of results.flatMap(({ findings }) => findings)) summary[outcome] += 1;
  return { checks: results, summary };
}

async function runCheck(check: Check, context: CheckContext, timeoutMilliseconds: number): Promise<CheckResult> {
  const { id, title } = check;
  if (!context.isPlaceKnown && !check.isIndependent) {
    return { id, title, findings: [skipped(title, "the configuration cannot be used; see configuration.file")] };
  }
  const stop = new AbortController();
  const isLimited = !(check.isSlow && context.isFull);
  const limit = isLimited ? timeout(timeoutMilliseconds, stop) : undefined;
  try {
    const work = Promise.resolve().then(() => check.run(context, stop.signal));
    const findings = await (limit === undefined ? work : Promise.race([work, limit.passed]));
    // Late failures have nobody to be told to.
    work.catch(() => undefined);
    return { id, title, findings: findings ?? [tooSlow(title, timeoutMilliseconds)] };
  } catch (thrown) {
    return { id, title, findings: [error(title, messageOf(thrown), "correct what the message names")] };
  } finally {
    limit?.clear();
  }
}

function timeout(milliseconds: number, stop: AbortController) {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
      stop.abort();
    }, milliseconds);
  });
  return { passed, clear: () => clearTimeout(timer) };
}

function tooSlow(title: string, milliseconds: number): Finding {
  return error(title, `did not end within ${milliseconds / 1000} s`, "give it longer with --timeout");
}
