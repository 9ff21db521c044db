import { CelBudget } from "../../../../shared/cel/cel-budget.ts";
import { CelError } from "../../../../shared/cel/cel-error.ts";
import { CEL_LIMITS } from "../../../../shared/cel/cel-limits.ts";
import { type CelReadyValue, readyValue } from "../../../../shared/cel/cel-ready-value.ts";
import { replaceUnprintable } from "../../../../shared/unprintable.ts";
import type { Verdict } from "../../../domain/decision.ts";
import type { ReviewDocument } from "../../../domain/review-document.ts";
import type { CompiledPolicy, CompiledRule, CompiledScope, Expression } from "./compile.ts";
import { type Facts, factsOf } from "./facts.ts";
import { shownValues } from "./shown-values.ts";

/** What became of a rule. `unknown` is one without an answer: it never approves, and never lets anything pass. */
interface Finding {
  readonly rule: CompiledRule;
  readonly kind: "applies not" | "true" | "false" | "unknown";
  /** Why there is no answer. */
  readonly problem?: string;
}

/**
 * Whether the rules cannot be judged without what has to be looked up: one that applies reads it, or whether it applies does.
 */
export function needsLookUp({ rules }: CompiledPolicy, run: PolicyRun): boolean {
  return rules.some(({ conditions, body }) => {
    if (!body.isLookedUp && !conditions.some(({ isLookedUp }) => isLookedUp)) return false;
    return conditions.every((condition) => condition.isLookedUp || run.mayBeTrue(condition));
  });
}

/**
 * Judges a request by all rules. Any denial wins; then a rule without an answer that might have denied; then one that
 * holds; then an approval. Nothing is decided where no rule that approves applies.
 *
 * @throws {Error} when a rule that denies or requires has no answer and no other denies.
 */
export function judge({ rules }: CompiledPolicy, run: PolicyRun): Verdict {
  const findings = rules.map((rule) => run.find(rule));
  const objecting = findings.filter(({ rule, kind }) => objects(rule) && kind === objectionOf(rule));
  const denial = objecting.find(({ rule }) => rule.effect === "deny" || rule.otherwise === "deny");
  if (denial) return verdictOf("denied", denial, findings, run);
  const unknown = findings.filter(({ rule, kind }) => objects(rule) && kind === "unknown");
  if (unknown.length > 0) throw new Error(`could not evaluate ${unknown.map(problemOf).join("; ")}`);
  const hold = objecting[0];
  if (hold) return verdictOf("noOpinion", hold, findings, run);
  const approval = findings.find(({ rule, kind }) => rule.effect === "approve" && kind === "true");
  if (approval) return verdictOf("approved", approval, findings, run);
  return withoutApproval(findings, run);
}

function objects({ effect }: CompiledRule): boolean {
  return effect !== "approve";
}

function objectionOf({ effect }: CompiledRule): Finding["kind"] {
  return effect === "deny" ? "true" : "false";
}

function problemOf({ rule, problem = "" }: Finding): string {
  return `${rule.name}: ${problem}`;
}

function verdictOf(kind: Verdict["kind"], finding: Finding, findings: readonly Finding[], run: PolicyRun): Verdict {
  const { rule } = finding;
  const evidence = { rule: rule.name, ...evidenceOf(findings, run) };
  return { kind, reason: rule.reason, message: run.messageOf(rule), evidence };
}

function withoutApproval(findings: readonly Finding[], run: PolicyRun): Verdict {
  const evidence = evidenceOf(findings, run);
  const asked = findings.some(({ rule, kind }) => rule.effect === "approve" && kind !== "applies not");
  if (asked) {
    return {
      kind: "noOpinion",
      reason: "NotApproved",
      message: "no rule of the policy approves the request",
      evidence,
    };
  }
  return { kind: "skipped", reason: "NothingObjected", message: "no rule of the policy speaks against it", evidence };
}

function evidenceOf(findings: readonly Finding[], run: PolicyRun) {
  const applied = findings.filter(({ kind }) => kind !== "applies not");
  const unknown = applied.filter(({ kind }) => kind === "unknown");
  const values = run.usedValues();
  return {
    rules: applied.map(({ rule }) => rule.name),
    ...(unknown.length > 0 && { unknown: unknown.map(problemOf) }),
    ...(Object.keys(values).length > 0 && { values }),
  };
}

type Evaluated = { readonly value: CelReadyValue } | { readonly error: unknown };

/** What all expressions of one review may cost together: what two may by themselves. */
const REVIEW_STEPS = 2 * CEL_LIMITS.steps;

/** One review: the facts, and the values of the variables that were needed. */
export class PolicyRun {
  readonly #facts: Facts;
  readonly #budget = new CelBudget(REVIEW_STEPS);
  readonly #ready = new Map<string, CelReadyValue>();
  readonly #values = new Map<CompiledScope, Map<string, Evaluated>>();

  constructor(document: ReviewDocument) {
    this.#facts = factsOf(document);
  }

  find(rule: CompiledRule): Finding {
    try {
      for (const condition of rule.conditions) if (!this.evaluate(condition)) return { rule, kind: "applies not" };
      return { rule, kind: this.evaluate(rule.body) ? "true" : "false" };
    } catch (error) {
      return { rule, kind: "unknown", problem: detailOf(error) };
    }
  }

  /** Whether a condition is true, or has no answer. */
  mayBeTrue(condition: Expression<"bool">): boolean {
    try {
      return this.evaluate(condition);
    } catch {
      return true;
    }
  }

  messageOf({ message, messageExpression }: CompiledRule): string {
    if (messageExpression === undefined) return message;
    try {
      const said = replaceUnprintable(this.evaluate(messageExpression), " ").trim().slice(0, MAXIMUM_MESSAGE);
      return said === "" ? message : said;
    } catch {
      return message;
    }
  }

  /** @throws {CelError} when it, or a variable that it reads, has no answer. */
  evaluate<Result extends "bool" | "string" | "dyn">({ program, scope, names }: Expression<Result>) {
    return program.evaluate(this.#bindings(names, scope), this.#budget);
  }

  /** The values of variables that were asked for, as they are shown. */
  usedValues(): Readonly<Record<string, string>> {
    return shownValues([...this.#values.values()].flatMap((values) => [...values]));
  }

  #bindings(names: readonly string[], scope: CompiledScope): Readonly<Record<string, CelReadyValue>> {
    const bindings: Record<string, CelReadyValue> = {};
    for (const name of names) bindings[name] = this.#valueOf(name, scope);
    return bindings;
  }

  #valueOf(name: string, scope: CompiledScope): CelReadyValue {
    const variable = scope.variables.get(name);
    if (variable === undefined) return this.#fact(name as keyof Facts);
    const known = this.#values.get(scope)?.get(name) ?? this.#evaluated(name, variable);
    if ("error" in known) throw known.error;
    return known.value;
  }

  #fact(name: keyof Facts): CelReadyValue {
    const known = this.#ready.get(name);
    if (known !== undefined) return known;
    const made = readyValue(this.#facts[name]);
    this.#ready.set(name, made);
    return made;
  }

  #evaluated(name: string, variable: Expression<"dyn">): Evaluated {
    let evaluated: Evaluated;
    try {
      const { program, scope, names } = variable;
      evaluated = { value: program.evaluateReady(this.#bindings(names, scope), this.#budget) };
    } catch (error) {
      evaluated = { error };
    }
    const values = this.#values.get(variable.scope) ?? new Map<string, Evaluated>();
    this.#values.set(variable.scope, values.set(name, evaluated));
    return evaluated;
  }
}

const MAXIMUM_MESSAGE = 500;

/** Without the expression, which may be long; it stands where the rule does. */
function detailOf(error: unknown): string {
  if (error instanceof CelError) return error.detail;
  return error instanceof Error ? error.message : String(error);
}
