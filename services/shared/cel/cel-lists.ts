import type { Environment } from "@marcbachmann/cel-js";

import { int64 } from "./cel-values.ts";

const SYNC = { async: false } as const;

/** The namespace `sets`, on which its functions are called. */
class CelSets {}

/**
 * Sets of texts, numbers or booleans, as Kubernetes gives them: `sets.contains(all, these)`, `sets.intersects(a, b)`,
 * `sets.equivalent(a, b)`. Useful for groups: `sets.intersects(user.groups, ["admins", "operators"])`.
 *
 * Source: cel-go ext/sets.go.
 */
export function registerLists(environment: Environment): void {
  registerComparing(environment);
  environment.registerType("CelSets", CelSets).registerConstant("sets", "CelSets", new CelSets());
  environment
    .registerFunction(
      "CelSets.contains(list<dyn>, list<dyn>): bool",
      (_sets: CelSets, all: Items, these: Items) => contains(all, these),
      SYNC,
    )
    .registerFunction(
      "CelSets.intersects(list<dyn>, list<dyn>): bool",
      (_sets: CelSets, a: Items, b: Items) => intersects(a, b),
      SYNC,
    )
    .registerFunction(
      "CelSets.equivalent(list<dyn>, list<dyn>): bool",
      (_sets: CelSets, a: Items, b: Items) => contains(a, b) && contains(b, a),
      SYNC,
    );
}

type Items = readonly unknown[];

/**
 * Lists of comparable values: `isSorted()`, `min()`, `max()`, `sum()`, `sort()`, `distinct()`; and of any values:
 * `reverse()`, `slice(from, to)`, `indexOf(item)`, `lastIndexOf(item)`, of which the last two compare texts, numbers and
 * booleans.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/cel/library/lists.go; cel-go ext/lists.go.
 */
function registerComparing(environment: Environment): void {
  const indexOf = (items: Items, item: unknown): bigint => BigInt(items.map(comparable).indexOf(comparable(item)));
  const lastIndexOf = (items: Items, item: unknown): bigint =>
    BigInt(items.map(comparable).lastIndexOf(comparable(item)));
  environment
    .registerFunction("list<dyn>.isSorted(): bool", isSorted, SYNC)
    .registerFunction("list<dyn>.min(): dyn", (items: Items) => extreme(items, -1), SYNC)
    .registerFunction("list<dyn>.max(): dyn", (items: Items) => extreme(items, 1), SYNC)
    .registerFunction("list<dyn>.sum(): dyn", sum, SYNC)
    .registerFunction("list<A>.sort(): list<A>", (items: Items) => [...items].sort(compare), SYNC)
    .registerFunction("list<A>.distinct(): list<A>", distinct, SYNC)
    .registerFunction("list<A>.reverse(): list<A>", (items: Items) => [...items].reverse(), SYNC)
    .registerFunction("list<A>.slice(int, int): list<A>", slice, SYNC)
    .registerFunction("list<dyn>.indexOf(dyn): int", indexOf, SYNC)
    .registerFunction("list<dyn>.lastIndexOf(dyn): int", lastIndexOf, SYNC);
}

/** Texts by code points, numbers by value, instants by time. @throws {Error} when two are of different kinds. */
function compare(left: unknown, right: unknown): number {
  const [a, b] = [ordered(left), ordered(right)];
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === "string" || typeof b === "string") throw new Error("a text and a number have no order");
  return a < b ? -1 : Number(a > b);
}

function ordered(value: unknown): string | number | bigint {
  if (value instanceof Date) return value.getTime();
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return value;
  throw new Error("only texts, numbers, booleans and instants have an order");
}

function isSorted(items: Items): boolean {
  return items.every((item, index) => index === 0 || compare(items[index - 1], item) <= 0);
}

function extreme(items: Items, sign: 1 | -1): unknown {
  if (items.length === 0) throw new Error(`an empty list has no ${sign > 0 ? "greatest" : "least"} element`);
  return items.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
}

function sum(items: Items): bigint | number {
  if (items.length === 0) return 0n;
  if (items.every((item) => typeof item === "bigint"))
    return int64(items.reduce((total: bigint, item) => total + item, 0n));
  if (items.every((item) => typeof item === "number")) return items.reduce((total: number, item) => total + item, 0);
  throw new Error("sum() takes a list of whole numbers, or one of doubles");
}

function distinct(items: Items): Items {
  const seen = new Map<unknown, unknown>();
  for (const item of items) if (!seen.has(comparable(item))) seen.set(comparable(item), item);
  return [...seen.values()];
}

function slice(items: Items, from: bigint, to: bigint): Items {
  if (from < 0n || to < from || to > BigInt(items.length)) throw new Error(`slice(${from}, ${to}) is beyond the list`);
  return items.slice(Number(from), Number(to));
}

function contains(all: Items, these: Items): boolean {
  const set = new Set(all.map(comparable));
  return these.every((item) => set.has(comparable(item)));
}

function intersects(a: Items, b: Items): boolean {
  const set = new Set(a.map(comparable));
  return b.some((item) => set.has(comparable(item)));
}

/** Whole numbers and doubles of the same value are equal in the language, and so they are one key here. */
function comparable(item: unknown): unknown {
  if (typeof item === "object" && item !== null) throw new Error("only texts, numbers and booleans are compared here");
  return typeof item === "number" && Number.isInteger(item) ? BigInt(item) : item;
}
