import type { CelReadyValue } from "../../../../shared/cel/cel-ready-value.ts";

const MAXIMUM_VALUES = 20;
const MAXIMUM_CHARACTERS = 200;

/**
 * What a trace shows of variables: texts as they are, anything else as JSON, each clipped and so many at most. A variable
 * without a value is left out. Only facts of requests go into variables, and those hold no secrets.
 */
export function shownValues(
  variables: readonly (readonly [string, { readonly value: CelReadyValue } | { readonly error: unknown }])[],
): Readonly<Record<string, string>> {
  const known = variables.flatMap(([name, found]) =>
    "value" in found ? [[name, shown(found.value.inside)] as const] : [],
  );
  return Object.fromEntries(known.slice(0, MAXIMUM_VALUES));
}

function shown(value: unknown): string {
  const isPlain = typeof value === "string" || typeof value === "bigint";
  const text = isPlain ? String(value) : (JSON.stringify(value, plain) ?? String(value));
  return text.length > MAXIMUM_CHARACTERS ? `${text.slice(0, MAXIMUM_CHARACTERS)}…` : text;
}

/** What the language has and JSON has not: whole numbers of 64 bits, maps with keys of any kind. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Map ? Object.fromEntries(value) : value;
}
