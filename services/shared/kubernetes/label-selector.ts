import { StatusError } from "../status-error.ts";

export type Labels = Readonly<Record<string, string>>;
export type LabelSelector = (labels: Labels | undefined) => boolean;

type Requirement = (labels: Labels) => boolean;
type Operator = "=" | "==" | "!=" | "in" | "notin" | "gt" | "lt" | "exists" | "absent";

interface Token {
  readonly kind: "identifier" | "symbol" | "end";
  readonly text: string;
}

const TOKEN = /[ \t\r\n]*(?:(==|!=|[=!,()<>])|([^=!,()<>\s]+))/y;
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const INTEGER = /^\d{1,18}$/;
const NO_LABELS: Labels = {};
const MAX_LENGTH = 64 * 1024;

/**
 * Reads a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`, joined by commas.
 *
 * @throws {StatusError} BadRequest when the text is no selector or names an impossible key or value.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/labels/selector.go.
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > MAX_LENGTH) throw problem("it is too long");
  const requirements = new SelectorParser(tokenize(text)).parse();
  return (labels) => requirements.every((matches) => matches(labels ?? NO_LABELS));
}

function problem(what: string): StatusError {
  return new StatusError("BadRequest", `unable to parse the label selector: ${what}`);
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (match === null) throw problem("it has a character that is not understood");
    const [, symbol, identifier] = match;
    tokens.push(symbol ? { kind: "symbol", text: symbol } : { kind: "identifier", text: identifier ?? "" });
  }
  return tokens;
}

class SelectorParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === "end") return requirements;
    do requirements.push(this.#requirement());
    while (this.#accept(","));
    if (this.#peek().kind !== "end") throw this.#unexpected("',' or the end");
    return requirements;
  }

  #requirement(): Requirement {
    const isAbsent = this.#accept("!");
    const key = this.#identifier("a label key");
    requireKey(key);
    if (isAbsent) return requirement(key, "absent", []);
    const operator = this.#operator();
    const values = operator === "exists" ? [] : this.#values(operator);
    for (const value of values) requireValue(value, operator);
    return requirement(key, operator, values);
  }

  #operator(): Operator {
    const { kind, text } = this.#peek();
    if (kind === "end" || (kind === "symbol" && text === ",")) return "exists";
    this.#at += 1;
    if (kind === "symbol" && (text === "=" || text === "==" || text === "!=")) return text;
    if (kind === "symbol" && text === ">") return "gt";
    if (kind === "symbol" && text === "<") return "lt";
    if (kind === "identifier" && (text === "in" || text === "notin")) return text;
    this.#at -= 1;
    throw this.#unexpected("an operator");
  }

  #values(operator: Operator): string[] {
    if (operator === "in" || operator === "notin") return this.#list();
    const next = this.#peek();
    if (next.kind === "end" || (next.kind === "symbol" && next.text === ",")) return [""];
    return [this.#identifier("a value")];
  }

  #list(): string[] {
    if (!this.#accept("(")) throw this.#unexpected("'('");
    const values: string[] = [];
    do values.push(this.#peek().kind === "identifier" ? this.#identifier("a value") : "");
    while (this.#accept(","));
    if (!this.#accept(")")) throw this.#unexpected("')'");
    return values;
  }

  #identifier(expected: string): string {
    const { kind, text } = this.#peek();
    if (kind !== "identifier") throw this.#unexpected(expected);
    this.#at += 1;
    return text;
  }

  #accept(symbol: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "symbol" || text !== symbol) return false;
    this.#at += 1;
    return true;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "" };
  }

  #unexpected(expected: string): StatusError {
    return problem(`found ${JSON.stringify(this.#peek().text.slice(0, 100))}, expected ${expected}`);
  }
}

/** Whether a label may have the key: an optional DNS subdomain and `/`, then a name. */
export function isLabelKey(key: string): boolean {
  const parts = key.split("/");
  const [prefix, name] = parts.length === 1 ? [undefined, parts[0] ?? ""] : [parts[0] ?? "", parts[1] ?? ""];
  const isPrefixValid = prefix === undefined || (prefix.length <= 253 && PREFIX.test(prefix));
  return parts.length <= 2 && isPrefixValid && NAME.test(name);
}

/** Whether a label may have the value, which may be empty. */
export function isLabelValue(value: string): boolean {
  return value === "" || NAME.test(value);
}

function requireKey(key: string): void {
  if (!isLabelKey(key)) throw problem(`${JSON.stringify(key.slice(0, 100))} is no label key`);
}

function requireValue(value: string, operator: Operator): void {
  if (!isLabelValue(value)) throw problem(`${JSON.stringify(value.slice(0, 100))} is no label value`);
  if ((operator === "gt" || operator === "lt") && !INTEGER.test(value)) throw problem("'<' and '>' need an integer");
}

function requirement(key: string, operator: Operator, values: readonly string[]): Requirement {
  const [first = ""] = values;
  const wanted = new Set(values);
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return (labels) => Object.hasOwn(labels, key) && wanted.has(labels[key] ?? "");
    case "!=":
    case "notin":
      return (labels) => !Object.hasOwn(labels, key) || !wanted.has(labels[key] ?? "");
    case "exists":
      return (labels) => Object.hasOwn(labels, key);
    case "absent":
      return (labels) => !Object.hasOwn(labels, key);
    case "gt":
      return (labels) => isInteger(labels, key) && BigInt(labels[key] ?? "") > BigInt(first);
    case "lt":
      return (labels) => isInteger(labels, key) && BigInt(labels[key] ?? "") < BigInt(first);
    default:
      return operator satisfies never;
  }
}

function isInteger(labels: Labels, key: string): boolean {
  return Object.hasOwn(labels, key) && INTEGER.test(labels[key] ?? "");
}
