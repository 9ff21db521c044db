import { type CelProgram, compileCel } from "../../../../shared/cel/cel.ts";
import type { CelResult } from "../../../../shared/cel/cel-answers.ts";
import type { CelConstant, CelConstants, CelType } from "../../../../shared/cel/cel-environment.ts";
import { FACT_TYPES, LOOKED_UP_FACTS } from "./facts.ts";
import { Problems } from "./problems.ts";
import { effectOf, type PolicySource, type Scope, type SourceExpression, type SourceRule } from "./source.ts";

/** A checked expression and what it stands on. */
export interface Expression<Result extends CelResult = CelResult> {
  readonly program: CelProgram<Result>;
  readonly scope: CompiledScope;
  /** The facts and variables it reads. */
  readonly names: readonly string[];
  /** Whether it reads what has to be looked up, itself or through variables. */
  readonly isLookedUp: boolean;
}

export interface CompiledScope {
  /** In an order in which each stands on those before it only. */
  readonly variables: ReadonlyMap<string, Expression<"dyn">>;
}

export type Effect = "deny" | "require" | "approve";

export interface CompiledRule {
  readonly name: string;
  readonly effect: Effect;
  /** What happens where `require` is not true. */
  readonly otherwise: "deny" | "hold";
  /** All have to be true for the rule to apply. */
  readonly conditions: readonly Expression<"bool">[];
  readonly body: Expression<"bool">;
  readonly reason: string;
  readonly message: string;
  readonly messageExpression: Expression<"string"> | undefined;
}

export interface CompiledPolicy {
  readonly rules: readonly CompiledRule[];
  /** The files it was read from. */
  readonly files: readonly string[];
}

/** @throws {PolicyError} naming every expression that cannot be used, with its file, rule and character. */
export function compilePolicy({ rules, scopes, files }: PolicySource): CompiledPolicy {
  const problems = new Problems();
  const compiler = new Compiler(problems);
  for (const scope of scopes) compiler.addScope(scope);
  const compiled = rules.map((rule) => compiler.rule(rule));
  problems.throwIfAny();
  return { rules: compiled.filter((rule) => rule !== undefined), files };
}

interface KnownScope {
  readonly compiled: CompiledScope;
  readonly types: Readonly<Record<string, CelType>>;
  readonly constants: CelConstants;
}

class Compiler {
  readonly #problems: Problems;
  readonly #scopes = new Map<Scope, KnownScope>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  addScope(scope: Scope): void {
    const variables = new Map<string, Expression<"dyn">>();
    const types: Record<string, CelType> = { ...FACT_TYPES };
    const constants: Record<string, CelConstant> = {};
    this.#scopes.set(scope, { compiled: { variables }, types, constants });
    for (const [name, { value }] of scope.parameters) {
      if (this.#isFree(name, { types, constants }, `${scope.where}: parameters.${name}`)) constants[name] = value;
    }
    for (const [name, text] of Object.entries(scope.variables)) {
      const where = `${scope.where}: variables.${name}`;
      if (!this.#isFree(name, { types, constants }, where)) continue;
      const variable = this.#expression({ text, where, scope }, "dyn");
      types[name] = variable?.program.type ?? "dyn";
      if (variable !== undefined) variables.set(name, variable);
    }
  }

  rule(source: SourceRule): CompiledRule | undefined {
    const { rule, name, where, scope } = source;
    const does = effectOf(rule);
    const effect = does === "hold" ? "require" : does;
    const part = (text: string, field: string): SourceExpression => ({ text, where: `${where} ${field}`, scope });
    const conditions = source.conditions.map((condition) => this.#expression(condition, "bool"));
    const body = this.#expression(part(rule[effect] ?? "", effect), "bool");
    const { message, messageExpression, otherwise = "deny" } = rule;
    const said =
      messageExpression === undefined
        ? undefined
        : this.#expression(part(messageExpression, "messageExpression"), "string");
    if (body === undefined) return undefined;
    return {
      ...{ name, effect, otherwise, body },
      conditions: conditions.filter((condition) => condition !== undefined),
      reason: rule.reason ?? usualReason(effect, otherwise),
      message: message ?? usualMessage(name, effect),
      messageExpression: said,
    };
  }

  #isFree(name: string, { types, constants }: Pick<KnownScope, "types" | "constants">, where: string): boolean {
    if (!Object.hasOwn(types, name) && !Object.hasOwn(constants, name)) return true;
    this.#problems.add(`${where}: the name ${name} is taken by a fact or parameter; choose another`);
    return false;
  }

  #expression<Result extends CelResult>({ text, where, scope }: SourceExpression, result: Result) {
    return this.#problems.attempt((): Expression<Result> => {
      const known = this.#scopes.get(scope);
      if (known === undefined) throw new Error(`${where}: its file was not read`);
      const program = compileCel(text, { variables: known.types, constants: known.constants, result, where });
      const names = [...new Set([...program.reads].map((read) => read.split(".", 1)[0] ?? read))];
      const { variables } = known.compiled;
      const isLookedUp = names.some((name) => LOOKED_UP_FACTS.has(name) || variables.get(name)?.isLookedUp === true);
      return { program, scope: known.compiled, names, isLookedUp };
    });
  }
}

function usualReason(effect: Effect, otherwise: CompiledRule["otherwise"]): string {
  if (effect === "approve") return "PolicyApproved";
  return effect === "require" && otherwise === "hold" ? "PolicyHolds" : "PolicyDenied";
}

function usualMessage(name: string, effect: Effect): string {
  if (effect === "require") return `the request does not meet rule ${name}`;
  return `rule ${name} ${effect === "deny" ? "denies" : "approves"} the request`;
}
