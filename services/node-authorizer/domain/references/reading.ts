/** Reading objects that may hold anything: what is not of the expected type counts as absent. */

type Fields = Readonly<Record<string, unknown>>;

const NOTHING: readonly never[] = [];

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** A text, or "" for anything else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function listOf<Item>(value: readonly Item[] | null | undefined): readonly Item[] {
  return Array.isArray(value) ? value : NOTHING;
}

/** What is found by following the keys through nested objects; undefined where one is missing. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let present = value;
  for (const key of keys) {
    const fields = fieldsOf(present);
    if (fields === undefined || !Object.hasOwn(fields, key)) return undefined;
    present = fields[key];
  }
  return present;
}

export function textAt(value: unknown, ...keys: readonly string[]): string {
  return textOf(at(value, ...keys));
}

export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found : NOTHING;
}

/** Null is what Kubernetes writes for what is not there. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
