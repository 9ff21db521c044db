import type { Environment } from "@marcbachmann/cel-js";

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
  if (typeof item === "object" && item !== null) throw new Error("sets takes lists of texts, numbers or booleans only");
  return typeof item === "number" && Number.isInteger(item) ? BigInt(item) : item;
}
