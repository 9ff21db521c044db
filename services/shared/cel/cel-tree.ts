import type { CelConstants } from "./cel-environment.ts";
import { FUNCTIONS, libraryName, METHODS, PATTERN_METHODS } from "./cel-functions.ts";
import type { CostMeter } from "./cel-meter.ts";
import { type CelPattern, compilePattern } from "./cel-patterns.ts";

type Evaluate = (evaluator: unknown, node: CelNode, context: unknown) => unknown;

/** A node of the library's syntax tree, as far as it is used here. */
export interface CelNode {
  readonly op: string;
  readonly args: unknown;
  readonly start: number;
  readonly meta: {
    readonly evaluate: Evaluate;
    readonly alternate?: CelNode;
    readonly macro?: { readonly evaluate: (evaluator: unknown, macro: unknown, context: unknown) => unknown };
  };
  evaluate: Evaluate;
}

/** Something in an expression that we refuse although the language knows it. */
export class RefusedSyntax extends Error {
  readonly position: number;
  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

/** What is found in a tree while it is prepared. */
export interface Preparation {
  readonly meter: CostMeter;
  readonly patterns: Map<string, CelPattern>;
  /** Values that are known already. */
  readonly constants: CelConstants;
  /** Names that are read, and fields that are selected from them by name. */
  readonly reads: Set<string>;
}

const INT64_END = 2n ** 63n;

/** Steps for every node an error passes: making and passing one costs far more than most answers. */
const FAILURE_STEPS = 25;

/** Operators whose work grows with their operands. */
const HANDLES_WHOLE_VALUES: ReadonlySet<string> = new Set([
  "==",
  "!=",
  "in",
  "+",
  "<",
  "<=",
  ">",
  ">=",
  "call",
  "rcall",
]);
/** Nodes that make a new value. */
const MAKES_VALUES: ReadonlySet<string> = new Set(["list", "map", "+", "comprehension", "call", "rcall"]);

/**
 * Prepares a parsed expression: refuses functions and numbers it must not use, has calls go to our functions where they
 * replace the library's, compiles patterns, notes what is read, and makes every node count its steps.
 *
 * @throws {RefusedSyntax} with the position of what is refused.
 */
export function prepareTree(root: CelNode, preparation: Preparation): void {
  const { meter, reads } = preparation;
  const seen = new Set<CelNode>();
  const visit = (node: CelNode, parent?: CelNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    checkNumber(node, parent);
    unescapeField(node);
    noteRead(node, reads);
    if (node.op === "call" || node.op === "rcall") prepareCall(node, preparation);
    for (const child of childrenOf(node)) visit(child, node);
    countSteps(node, meter, parent !== undefined && HANDLES_WHOLE_VALUES.has(parent.op));
  };
  visit(root);
}

/** Wraps the evaluation of one node. What the library does is found the way its own nodes find it. */
function countSteps(node: CelNode, meter: CostMeter, isHandledWhole: boolean): void {
  const { meta } = node;
  const isWeighed = isHandledWhole || MAKES_VALUES.has(node.op);
  node.evaluate = (evaluator, self, context) => {
    meter.spend(1);
    try {
      const value = evaluateNode(meta, evaluator, self, context);
      if (isWeighed) meter.spend(meter.weigh(value));
      return value;
    } catch (error) {
      meter.spend(FAILURE_STEPS);
      throw error;
    }
  };
}

function evaluateNode(meta: CelNode["meta"], evaluator: unknown, node: CelNode, context: unknown): unknown {
  if (meta.alternate !== undefined) return meta.alternate.evaluate(evaluator, meta.alternate, context);
  if (meta.macro !== undefined) return meta.macro.evaluate(evaluator, meta.macro, context);
  return meta.evaluate(evaluator, node, context);
}

function prepareCall(node: CelNode, preparation: Preparation): void {
  const { parts, name, receiver, args } = callOf(node);
  const arities = (receiver === undefined ? FUNCTIONS : METHODS).get(name);
  if (arities === undefined) throw new RefusedSyntax(`there is no function ${name}()`, node.start);
  if (!arities.includes(args.length)) {
    throw new RefusedSyntax(`${name}() takes ${arities.join(" or ")} arguments, not ${args.length}`, node.start);
  }
  if (PATTERN_METHODS.has(name)) preparePattern(node, receiver === undefined ? args[1] : args[0], preparation);
  parts[0] = libraryName(name);
}

function preparePattern(call: CelNode, pattern: CelNode | undefined, { patterns, constants }: Preparation): void {
  // A pattern taken from what is judged would let the judged choose it; and a literal is checked before it is needed.
  const text = pattern?.op === "id" ? constants[String(pattern.args)] : pattern?.op === "value" && pattern.args;
  if (pattern === undefined || typeof text !== "string") {
    throw new RefusedSyntax("a pattern must be written out as a text", pattern?.start ?? call.start);
  }
  try {
    patterns.set(text, compilePattern(text));
  } catch (error) {
    throw new RefusedSyntax(error instanceof Error ? error.message : String(error), pattern.start);
  }
}

const ESCAPED =
  /__(dot|dash|slash|underscores|(?:false|in|null|true|as|break|const|continue|else|for|function|if|import|let|loop|namespace|package|return|var|void|while))__/g;
const UNESCAPED: Readonly<Record<string, string>> = { dot: ".", dash: "-", slash: "/", underscores: "__" };

/**
 * Lets fields be selected whose names are no identifiers, as Kubernetes does: `claims.my__dash__team` is `my-team`.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/cel/escaping.go.
 */
function unescapeField(node: CelNode): void {
  if (node.op !== "." && node.op !== ".?") return;
  const parts = node.args as [CelNode, string];
  parts[1] = parts[1].replace(ESCAPED, (_all, name: string) => UNESCAPED[name] ?? name);
}

function noteRead(node: CelNode, reads: Set<string>): void {
  if (node.op === "id") reads.add(String(node.args));
  if (![".", ".?", "[]", "[?]"].includes(node.op)) return;
  const [from, field] = node.args as readonly [CelNode, string | CelNode];
  const name = typeof field === "string" ? field : field.args;
  if (from.op === "id" && typeof name === "string") reads.add(`${String(from.args)}.${name}`);
}

/** The library reads whole numbers of any length; the language has 64 bits. */
function checkNumber(node: CelNode, parent: CelNode | undefined): void {
  if (node.op !== "value" || typeof node.args !== "bigint") return;
  const limit = parent?.op === "-_" ? INT64_END : INT64_END - 1n;
  if (node.args > limit) throw new RefusedSyntax("the whole number does not fit into 64 bits", node.start);
}

function callOf(node: CelNode) {
  const parts = node.args as [string, ...unknown[]];
  const [name, first, second] = parts;
  return node.op === "call"
    ? { parts, name, receiver: undefined, args: first as readonly CelNode[] }
    : { parts, name, receiver: first as CelNode, args: second as readonly CelNode[] };
}

function childrenOf(node: CelNode): readonly CelNode[] {
  const children: CelNode[] = [];
  const collect = (value: unknown): void => {
    if (isNode(value, node)) children.push(value);
    else if (Array.isArray(value)) value.forEach(collect);
    else if (node.op === "comprehension" && value === node.args) Object.values(value as object).forEach(collect);
  };
  collect(node.args);
  if (node.meta.alternate !== undefined) children.push(node.meta.alternate);
  return children;
}

/** Whether a value is a node of the same kind of tree; the library does not export the class. */
function isNode(value: unknown, other: CelNode): value is CelNode {
  return typeof value === "object" && value !== null && value.constructor === other.constructor;
}
