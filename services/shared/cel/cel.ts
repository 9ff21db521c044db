import { answerOf, type CelAnswers, type CelResult, expectType } from "./cel-answers.ts";
import { type CelType, environmentOf } from "./cel-environment.ts";
import { CelError, type CelFailure, type CelPlace } from "./cel-error.ts";
import { asWritten } from "./cel-functions.ts";
import { CEL_LIMITS } from "./cel-limits.ts";
import { CostMeter } from "./cel-meter.ts";
import type { CelPattern } from "./cel-patterns.ts";
import { type CelNode, prepareTree, RefusedSyntax } from "./cel-tree.ts";
import { type CelInput, toCelValue } from "./cel-values.ts";

export interface CelOptions<Result extends CelResult> {
  /** What the expression may speak of. */
  readonly variables: Readonly<Record<string, CelType>>;
  readonly result: Result;
  /** Where the expression is written, for errors: a field path of the configuration. */
  readonly where: string;
}

/** A checked expression, to be asked as often as needed. */
export interface CelProgram<Result extends CelResult = CelResult> {
  readonly source: string;
  /** Variables the expression reads, and their fields that it names: `claims`, `claims.email`. */
  readonly reads: ReadonlySet<string>;
  /**
   * @param bindings - a value for each variable: JSON values as they are, `Date` for timestamps.
   * @throws {CelError} when the expression has no answer (a missing field, values that do not fit an operator), answers
   * something else than it promised, or costs more than the limits allow. Treat every one as "no".
   */
  evaluate(bindings: Readonly<Record<string, CelInput>>): CelAnswers[Result];
}

/**
 * Reads and checks one expression of the Common Expression Language.
 *
 * @throws {CelError} at once when the syntax is wrong, a variable or function is unknown, types do not fit, the result
 * cannot be what is expected, or a limit of {@link CEL_LIMITS} is passed.
 * Source: cel-spec doc/langdef.md.
 */
export function compileCel<Result extends CelResult>(source: string, options: CelOptions<Result>): CelProgram<Result> {
  const place: CelPlace = { where: options.where, source };
  const meter = new CostMeter();
  const { run, reads } = guarded("compile", place, meter, () => prepare(source, options, meter));
  const evaluate = (bindings: Readonly<Record<string, CelInput>>): CelAnswers[Result] => {
    meter.reset();
    const value = run(bind(bindings, meter));
    // `||`, `&&`, `all()` and `exists()` may have gone on after a limit was reached.
    if (meter.exceeded !== undefined) meter.refuse(meter.exceeded);
    return answerOf(value, options.result);
  };
  return { source, reads, evaluate: (bindings) => guarded("evaluate", place, meter, () => evaluate(bindings)) };
}

function prepare(source: string, options: CelOptions<CelResult>, meter: CostMeter) {
  if (source.trim() === "") throw new Error("it is empty");
  if (source.length > CEL_LIMITS.sourceCharacters) {
    throw new Error(`it has ${source.length} characters, more than ${CEL_LIMITS.sourceCharacters}`);
  }
  const patterns = new Map<string, CelPattern>();
  const program = environmentOf(options.variables, { meter, patterns }).parse(source);
  const reads = new Set<string>();
  prepareTree(program.ast as unknown as CelNode, { meter, patterns, reads });
  const { valid, type, error } = program.check();
  if (!valid) throw error ?? new Error("its types do not fit");
  expectType(type ?? "dyn", options.result);
  const names = Object.keys(options.variables);
  const run = (bindings: Record<string, unknown>): unknown => program(bindings);
  return { run, reads: new Set([...reads].filter((read) => names.includes(read.split(".", 1)[0] ?? ""))) };
}

function bind(bindings: Readonly<Record<string, CelInput>>, meter: CostMeter): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(bindings)) {
    if (value === undefined) continue;
    bound[name] = toCelValue(value);
    meter.weigh(bound[name]);
  }
  return bound;
}

/** Turns whatever is thrown, a stack that ran out included, into a CelError. */
function guarded<T>(failure: CelFailure, place: CelPlace, meter: CostMeter, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (meter.exceeded !== undefined) throw new CelError("limit", place, meter.exceeded);
    const position = positionOf(error);
    throw new CelError(failure, place, detailOf(error), { cause: error, ...(position !== undefined && { position }) });
  }
}

function detailOf(error: unknown): string {
  if (error instanceof RangeError) return "it is nested too deeply";
  const { summary } = Object(error) as { summary?: unknown };
  if (typeof summary === "string") return asWritten(summary);
  return error instanceof Error ? asWritten(error.message) : "the expression failed";
}

function positionOf(error: unknown): number | undefined {
  if (error instanceof RefusedSyntax) return error.position;
  const { range } = Object(error) as { range?: { start?: unknown } };
  return typeof range?.start === "number" ? range.start : undefined;
}
