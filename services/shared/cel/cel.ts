import { answerOf, type CelAnswers, type CelResult, expectType } from "./cel-answers.ts";
import type { CelBudget } from "./cel-budget.ts";
import { type CelConstants, type CelType, environmentOf, typeNamed } from "./cel-environment.ts";
import { CelError, type CelFailure, type CelPlace } from "./cel-error.ts";
import { asWritten } from "./cel-functions.ts";
import { CEL_LIMITS } from "./cel-limits.ts";
import { CostMeter } from "./cel-meter.ts";
import type { CelPattern } from "./cel-patterns.ts";
import { CelReadyValue } from "./cel-ready-value.ts";
import { type CelNode, prepareTree, RefusedSyntax } from "./cel-tree.ts";
import { type CelInput, toCelValue } from "./cel-values.ts";

export interface CelOptions<Result extends CelResult> {
  /** What the expression may speak of. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** What is known already; texts among them may be patterns of `matches()`. */
  readonly constants?: CelConstants;
  readonly result: Result;
  /** Where the expression is written, for errors: a field path of the configuration. */
  readonly where: string;
}

/** A checked expression, to be asked as often as needed. */
export interface CelProgram<Result extends CelResult = CelResult> {
  readonly source: string;
  /** Variables the expression reads, and their fields that it names: `claims`, `claims.email`. */
  readonly reads: ReadonlySet<string>;
  /** What it answers, as the type of a variable that is to hold it. */
  readonly type: CelType;
  /**
   * @param bindings - a value for each variable: JSON values as they are, `Date` for timestamps; or made ready before.
   * @param budget - pays for it, besides the limit that each evaluation has.
   * @throws {CelError} when the expression has no answer (a missing field, values that do not fit an operator), answers
   * something else than it promised, or costs more than the limits allow. Treat every one as "no".
   */
  evaluate(bindings: CelBindings, budget?: CelBudget): CelAnswers[Result];
  /** As `evaluate`, the answer being for other expressions to read. @throws {CelError} likewise. */
  evaluateReady(bindings: CelBindings, budget?: CelBudget): CelReadyValue;
}

export type CelBindings = Readonly<Record<string, CelInput | CelReadyValue>>;

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
  const { run, reads, type } = guarded("compile", place, meter, () => prepare(source, options, meter));
  const evaluate = (bindings: CelBindings, budget: CelBudget | undefined): unknown => {
    meter.reset(budget);
    const value = run(bind(bindings, meter));
    // `||`, `&&`, `all()` and `exists()` may have gone on after a limit was reached.
    if (meter.exceeded !== undefined) meter.refuse(meter.exceeded);
    return value;
  };
  const guard = <T>(work: () => T): T => guarded("evaluate", place, meter, work);
  return {
    ...{ source, reads, type },
    evaluate: (bindings, budget) => guard(() => answerOf(evaluate(bindings, budget), options.result)),
    evaluateReady: (bindings, budget) => guard(() => new CelReadyValue(evaluate(bindings, budget))),
  };
}

function prepare(source: string, options: CelOptions<CelResult>, meter: CostMeter) {
  if (source.trim() === "") throw new Error("it is empty");
  if (source.length > CEL_LIMITS.sourceCharacters) {
    throw new Error(`it has ${source.length} characters, more than ${CEL_LIMITS.sourceCharacters}`);
  }
  const patterns = new Map<string, CelPattern>();
  const { variables, constants = {} } = options;
  const program = environmentOf(variables, constants, { meter, patterns }).parse(source);
  const reads = new Set<string>();
  prepareTree(program.ast as unknown as CelNode, { meter, patterns, constants, reads });
  const { valid, type = "dyn", error } = program.check();
  if (!valid) throw error ?? new Error("its types do not fit");
  expectType(type, options.result);
  const names = Object.keys(variables);
  const run = (bindings: Record<string, unknown>): unknown => program(bindings);
  const read = new Set([...reads].filter((path) => names.includes(path.split(".", 1)[0] ?? "")));
  return { run, reads: read, type: typeNamed(type) };
}

function bind(bindings: CelBindings, meter: CostMeter): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(bindings)) {
    if (value === undefined) continue;
    if (value instanceof CelReadyValue) {
      bound[name] = value.inside;
      continue;
    }
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
