/**
 * Whether two JSON-like values say the same: keys in any order, an undefined member as good as none. Values are at most
 * a few levels deep and free of cycles.
 */
export function isSameValue(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((element, index) => isSameValue(element, right[index]));
  }
  return isSameRecord(left as Record<string, unknown>, right as Record<string, unknown>);
}

function isSameRecord(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  const has = (record: Record<string, unknown>, key: string) => Object.hasOwn(record, key);
  return (
    Object.keys(left).every((key) => isSameValue(left[key], has(right, key) ? right[key] : undefined)) &&
    Object.keys(right).every((key) => has(left, key) || right[key] === undefined)
  );
}
