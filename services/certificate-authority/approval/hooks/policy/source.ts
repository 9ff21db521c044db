import { baseOf, includedFile, readPolicyFile } from "./policy-files.ts";
import { Problems } from "./problems.ts";
import type { Parameter, ParameterValue, PolicyEntry, PolicyInclude, PolicyRule } from "./schema.ts";

const MAXIMUM_DEPTH = 5;
const MAXIMUM_RULES = 500;
const MAXIMUM_FILES = 100;

/** Where a policy is written: in a file, or in the configuration itself. Paths are absolute. */
export interface PolicySettings {
  readonly file?: string | undefined;
  readonly variables?: Readonly<Record<string, string>> | undefined;
  readonly rules?: readonly PolicyEntry[] | undefined;
}

/** What the expressions of one inclusion of one file share. */
export interface Scope {
  /** The file, or the part of the configuration. */
  readonly where: string;
  readonly parameters: ReadonlyMap<string, { readonly type: Parameter["type"]; readonly value: ParameterValue }>;
  readonly variables: Readonly<Record<string, string>>;
}

/** One expression where it stands. */
export interface SourceExpression {
  readonly text: string;
  /** File and field, for messages. */
  readonly where: string;
  readonly scope: Scope;
}

/** A rule with all that decides whether it applies. */
export interface SourceRule {
  /** Unique in the policy. */
  readonly name: string;
  readonly rule: PolicyRule;
  readonly where: string;
  readonly scope: Scope;
  /** All have to be true for the rule to apply: those of the inclusions that lead to it, then its own. */
  readonly conditions: readonly SourceExpression[];
}

/** What a rule does where it speaks: `hold` is `require` with `otherwise: hold`. */
export function effectOf({ deny, require, otherwise }: PolicyRule): "deny" | "require" | "hold" | "approve" {
  if (deny !== undefined) return "deny";
  if (require === undefined) return "approve";
  return otherwise === "hold" ? "hold" : "require";
}

/** The rules of a policy, those of included files in their places. */
export interface PolicySource {
  readonly rules: readonly SourceRule[];
  /** Every scope, also those without rules. */
  readonly scopes: readonly Scope[];
  /** The files that were read. */
  readonly files: readonly string[];
}

/**
 * Reads a policy and everything it includes.
 *
 * @param where - the part of the configuration that the policy is set in.
 * @throws {PolicyError} naming every file that cannot be read and every field that is wrong.
 */
export function readPolicySource(settings: PolicySettings, where: string): PolicySource {
  const reader = new PolicyReader();
  if (settings.file !== undefined) reader.readFile(settings.file, { include: settings.file }, where, ROOT);
  else reader.readEntries(settings.rules ?? [], scopeOf(where, settings.variables), "/", ROOT);
  return reader.finish();
}

/** What led to the rules that are being read. */
interface Path {
  readonly prefix: string;
  readonly conditions: readonly SourceExpression[];
  readonly files: readonly string[];
}

const ROOT: Path = { prefix: "", conditions: [], files: [] };

function scopeOf(
  where: string,
  variables: Scope["variables"] = {},
  parameters: Scope["parameters"] = new Map(),
): Scope {
  return { where, variables, parameters };
}

class PolicyReader {
  readonly #problems = new Problems();
  readonly #rules: SourceRule[] = [];
  readonly #scopes: Scope[] = [];
  readonly #files = new Set<string>();
  #inclusions = 0;

  readFile(file: string, entry: PolicyInclude, where: string, path: Path): void {
    this.#inclusions += 1;
    this.#problems.attempt(() => {
      if (path.files.includes(file)) throw new Error(`${where}: ${file} includes itself`);
      if (path.files.length >= MAXIMUM_DEPTH)
        throw new Error(`${where}: files include each other more than ${MAXIMUM_DEPTH} deep`);
      if (this.#inclusions > MAXIMUM_FILES) throw new Error(`${where}: more than ${MAXIMUM_FILES} files are included`);
      this.#files.add(file);
      const { parameters = {}, variables, rules } = readPolicyFile(file);
      const scope = scopeOf(file, variables, this.#parameters(parameters, entry.with ?? {}, where));
      this.readEntries(rules, scope, baseOf(file), { ...path, files: [...path.files, file] });
    });
  }

  readEntries(entries: readonly PolicyEntry[], scope: Scope, base: string, path: Path): void {
    this.#scopes.push(scope);
    for (const [index, entry] of entries.entries()) {
      const where = `${scope.where}: rules[${index}]`;
      if ("name" in entry) this.#add(entry, where, scope, path);
      else this.#include(entry, where, scope, base, path);
    }
  }

  /** @throws {PolicyError} with everything that was wrong. */
  finish(): PolicySource {
    if (this.#rules.length > MAXIMUM_RULES) this.#problems.add(`a policy has at most ${MAXIMUM_RULES} rules`);
    this.#problems.throwIfAny();
    return { rules: this.#rules, scopes: this.#scopes, files: [...this.#files] };
  }

  #add(rule: PolicyRule, at: string, scope: Scope, { prefix, conditions }: Path): void {
    const name = `${prefix}${rule.name}`;
    const where = `${at} (${name})`;
    if (this.#rules.some((other) => other.name === name))
      this.#problems.add(`${where}: there is a rule of this name already; where a file is included twice, set \`as\``);
    const own = rule.when === undefined ? [] : [{ text: rule.when, where: `${where} when`, scope }];
    this.#rules.push({ name, rule, where, scope, conditions: [...conditions, ...own] });
  }

  #include(entry: PolicyInclude, where: string, scope: Scope, base: string, path: Path): void {
    const own = entry.when === undefined ? [] : [{ text: entry.when, where: `${where} when`, scope }];
    const prefix = entry.as === undefined ? path.prefix : `${path.prefix}${entry.as}/`;
    this.readFile(includedFile(entry, base), entry, where, {
      ...{ prefix, files: path.files },
      conditions: [...path.conditions, ...own],
    });
  }

  #parameters(
    declared: Readonly<Record<string, Parameter>>,
    given: Readonly<Record<string, ParameterValue>>,
    where: string,
  ): Scope["parameters"] {
    for (const name of Object.keys(given)) {
      if (Object.hasOwn(declared, name)) continue;
      const known = Object.keys(declared).join(", ") || "none";
      this.#problems.add(`${where}: there is no parameter ${name}; there are: ${known}`);
    }
    const values = Object.entries(declared).flatMap(([name, { type, default: usual }]) => {
      const value = Object.hasOwn(given, name) ? given[name] : usual;
      if (value === undefined) this.#problems.add(`${where}: parameter ${name} needs a value: with: { ${name}: … }`);
      else if (!isOfType(value, type)) this.#problems.add(`${where}: parameter ${name} must be a ${type}`);
      else return [[name, { type, value }] as const];
      return [];
    });
    return new Map(values);
  }
}

function isOfType(value: ParameterValue, type: Parameter["type"]): boolean {
  switch (type) {
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "list<string>":
      return Array.isArray(value);
  }
}
