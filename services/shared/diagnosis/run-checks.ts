import { error, type Finding, messageOf, type Outcome, skipped } from "./findings.ts";

/** Looks at one thing of what `Context` shows. */
export interface Check<Context> {
  /** `<topic>.<what>`; stays the same, since people filter by it. */
  readonly id: string;
  /** What it looks at, for people. */
  readonly title: string;
  /** May throw: that becomes an error's finding. `signal` aborts when its time is over. */
  run(context: Context, signal: AbortSignal): Promise<readonly Finding[]> | readonly Finding[];
}

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

export interface CheckRun<C> {
  /** For each check. */
  readonly timeoutMilliseconds: number;
  /** Why a check is not run; undefined when it is. */
  readonly whySkipped?: (check: C) => string | undefined;
  readonly isUnlimited?: (check: C) => boolean;
}

/** The checks of these ids, or of these topics, which stand before the dots; all of them when nothing is named. */
export function chooseChecks<C extends { readonly id: string }>(
  checks: readonly C[],
  only: readonly string[] | undefined,
): readonly C[] {
  const wanted = only && new Set(only);
  return checks.filter(({ id }) => wanted === undefined || wanted.has(id) || wanted.has(id.split(".")[0] ?? ""));
}

/** Runs checks side by side, none longer than its time; what one throws is its finding. */
export async function runChecks<Context, C extends Check<Context>>(
  checks: readonly C[],
  context: Context,
  run: CheckRun<C>,
): Promise<Diagnosis> {
  const results = await Promise.all(checks.map((check) => runCheck(check, context, run)));
  const summary = { ok: 0, warning: 0, error: 0, skipped: 0 };
  for (const { outcome } of results.flatMap(({ findings }) => findings)) summary[outcome] += 1;
  return { checks: results, summary };
}

async function runCheck<Context, C extends Check<Context>>(
  check: C,
  context: Context,
  { timeoutMilliseconds, whySkipped, isUnlimited }: CheckRun<C>,
): Promise<CheckResult> {
  const { id, title } = check;
  const reason = whySkipped?.(check);
  if (reason !== undefined) return { id, title, findings: [skipped(title, reason)] };
  const stop = new AbortController();
  const limit = isUnlimited?.(check) === true ? undefined : timeout(timeoutMilliseconds, stop);
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
