/**
 * JSON with one form only: keys in UTF-16 order at every level, no white space, `undefined` members left out, `Date` as
 * ISO 8601 in UTC with milliseconds. Numbers and strings as `JSON.stringify` writes them (RFC 8785 does the same).
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (isPlainObject(member) ? withSortedKeys(member) : member));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withSortedKeys(object: Record<string, unknown>): Record<string, unknown> {
  // A map without prototype: a key named __proto__ must stay a key.
  const sorted: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(object).sort()) sorted[key] = object[key];
  return sorted;
}
