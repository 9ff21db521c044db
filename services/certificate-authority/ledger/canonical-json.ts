/**
 * JSON with one form only: keys in UTF-16 order at every level, no white space, `undefined` members left out, `Date` as
 * ISO 8601 in UTC with milliseconds. Numbers and strings are as `JSON.stringify` writes them, which makes this the form
 * of RFC 8785.
 */
export function canonicalJson(value: unknown): string {
  return write(value) ?? "null";
}

/** @returns undefined for what JSON leaves out. */
function write(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) as string | undefined;
  if ("toJSON" in value && typeof value.toJSON === "function") return write(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((item) => write(item) ?? "null").join(",")}]`;
  // Written key by key: an object would put keys that look like numbers first, whatever their order.
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const texts = members.flatMap(([key, member]) => {
    const text = write(member);
    return text === undefined ? [] : `${JSON.stringify(key)}:${text}`;
  });
  return `{${texts.join(",")}}`;
}
