const MAXIMUM_VALUES = 20;
const MAXIMUM_CHARACTERS = 200;

/**
 * What a trace shows of variables: texts as they are, anything else as JSON, each clipped and so many at most. A variable
 * without a value is left out. Only facts of requests go into variables, and those hold no secrets.
 */
export function shownValues(
  variables: readonly (readonly [string, { readonly value: unknown } | { readonly error: unknown }])[],
): Readonly<Record<string, string>> {
  const known = variables.flatMap(([name, found]) => ("value" in found ? [[name, shown(found.value)] as const] : []));
  return Object.fromEntries(known.slice(0, MAXIMUM_VALUES));
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, plain) ?? "");
  return text.length > MAXIMUM_CHARACTERS ? `${text.slice(0, MAXIMUM_CHARACTERS)}…` : text;
}

/** JSON knows no whole numbers of 64 bits. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
