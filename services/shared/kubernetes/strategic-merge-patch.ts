import { StatusError } from "../status-error.ts";
import { getOwn, isJsonObject, type JsonObject, setOwn } from "./json-object.ts";

/**
 * How the lists of our objects merge. All others are atomic: CertificateSigningRequest declares no merge keys of its own,
 * only ObjectMeta does. A list without a key is a set of scalars.
 */
const MERGED_LISTS: ReadonlyMap<string, { readonly key: string | undefined }> = new Map([
  ["metadata.finalizers", { key: undefined }],
  ["metadata.ownerReferences", { key: "uid" }],
]);

const PATCH_DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const ORDER_PREFIX = "$setElementOrder/";
const DELETE_PREFIX = "$deleteFromPrimitiveList/";

/**
 * Applies a strategic merge patch to an object with ordinary metadata.
 *
 * @returns a new document; neither argument is changed.
 * @throws {StatusError} BadRequest when a directive is not understood or a merged list's element lacks its key.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go.
 */
export function applyStrategicMergePatch(document: JsonObject, patch: JsonObject): JsonObject {
  return mergeObjects(document, patch, "");
}

function mergeObjects(base: JsonObject, patch: JsonObject, path: string): JsonObject {
  const directive = getOwn(patch, PATCH_DIRECTIVE);
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined) throw badDirective(directive);
  const merged = retained(base, patch);
  for (const key of Object.keys(patch)) {
    if (key === PATCH_DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(ORDER_PREFIX) || key.startsWith(DELETE_PREFIX)) continue;
    mergeKey(merged, key, patch[key], path);
  }
  applyListDirectives(merged, base, patch, path);
  return merged;
}

/** A copy of what the patch lets stand: with `$retainKeys`, only those keys. */
function retained(base: JsonObject, patch: JsonObject): JsonObject {
  const keep = getOwn(patch, RETAIN_KEYS);
  if (keep !== undefined && !Array.isArray(keep)) throw badDirective(RETAIN_KEYS);
  const copy: JsonObject = {};
  for (const key of Object.keys(base)) {
    if (keep === undefined || keep.includes(key)) setOwn(copy, key, base[key]);
  }
  return copy;
}

function mergeKey(merged: JsonObject, key: string, value: unknown, parent: string): void {
  const path = parent === "" ? key : `${parent}.${key}`;
  const current = getOwn(merged, key);
  if (value === null) delete merged[key];
  else if (isJsonObject(value)) setOwn(merged, key, mergeObjects(isJsonObject(current) ? current : {}, value, path));
  else if (Array.isArray(value)) setOwn(merged, key, mergeLists(current, value, path));
  else setOwn(merged, key, value);
}

function mergeLists(current: unknown, patch: readonly unknown[], path: string): unknown[] {
  const merging = MERGED_LISTS.get(path);
  if (merging === undefined) return [...patch];
  const base: readonly unknown[] = Array.isArray(current) ? current : [];
  const { key } = merging;
  const merged = key === undefined ? [...new Set([...base, ...patch])] : mergeKeyedLists(base, patch, key, path);
  return ordered(merged, patch, base, key);
}

function mergeKeyedLists(base: readonly unknown[], patch: readonly unknown[], key: string, path: string): unknown[] {
  const elements = patch.map((element) => requireObject(element, path));
  if (elements.some((element) => getOwn(element, PATCH_DIRECTIVE) === "replace" && !Object.hasOwn(element, key))) {
    return elements.filter((element) => !Object.hasOwn(element, PATCH_DIRECTIVE)).map(cleaned);
  }
  const byKey = new Map(base.map((element) => [keyOf(requireObject(element, path), key, path), element]));
  for (const element of elements) {
    const id = keyOf(element, key, path);
    const earlier = byKey.get(id);
    if (getOwn(element, PATCH_DIRECTIVE) === "delete") byKey.delete(id);
    else byKey.set(id, mergeObjects(isJsonObject(earlier) ? earlier : {}, element, `${path}[]`));
  }
  return [...byKey.values()];
}

function requireObject(value: unknown, path: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw new StatusError("BadRequest", `the patch is not valid: ${path} holds objects`);
}

function keyOf(element: JsonObject, key: string, path: string): unknown {
  if (!Object.hasOwn(element, key)) {
    throw new StatusError("BadRequest", `the patch is not valid: an element of ${path} lacks its merge key ${key}`);
  }
  return element[key];
}

/** `$deleteFromPrimitiveList/x` and `$setElementOrder/x`, in this order. */
function applyListDirectives(merged: JsonObject, base: JsonObject, patch: JsonObject, path: string): void {
  for (const directive of [DELETE_PREFIX, ORDER_PREFIX]) {
    for (const name of Object.keys(patch)) {
      if (!name.startsWith(directive)) continue;
      const field = name.slice(directive.length);
      const list = getOwn(merged, field);
      const argument = patch[name];
      if (!Array.isArray(argument) && directive === ORDER_PREFIX) throw badDirective(name);
      if (!Array.isArray(list) || !Array.isArray(argument)) continue;
      if (directive === DELETE_PREFIX) {
        removeFrom(merged, field, list, argument);
        continue;
      }
      const key = MERGED_LISTS.get(path === "" ? field : `${path}.${field}`)?.key;
      requireOrderOf(patch[field], argument, key);
      setOwn(merged, field, ordered(list, argument, getOwn(base, field), key));
    }
  }
}

/** An order that leaves out what the same patch merges contradicts it. */
function requireOrderOf(merged: unknown, order: readonly unknown[], key: string | undefined): void {
  if (!Array.isArray(merged)) return;
  const named = new Set(order.map((item) => idOf(item, key)));
  const isDeletion = (item: unknown): boolean => isJsonObject(item) && Object.hasOwn(item, PATCH_DIRECTIVE);
  if (merged.every((item) => isDeletion(item) || named.has(idOf(item, key)))) return;
  throw new StatusError("BadRequest", `the patch is not valid: ${ORDER_PREFIX} leaves out what is merged`);
}

/** What tells one element of a merged list from another. */
function idOf(item: unknown, key: string | undefined): unknown {
  return key !== undefined && isJsonObject(item) ? getOwn(item, key) : item;
}

function removeFrom(merged: JsonObject, field: string, list: readonly unknown[], unwanted: readonly unknown[]): void {
  const removed = new Set(unwanted);
  const rest = list.filter((item) => !removed.has(item));
  if (rest.length === 0) delete merged[field];
  else setOwn(merged, field, rest);
}

/**
 * The wanted order for the elements it names. The others keep their order and stand before the first named element that
 * they stood before.
 */
function ordered(
  list: readonly unknown[],
  order: readonly unknown[],
  base: unknown,
  key: string | undefined,
): unknown[] {
  const rank = new Map(order.map((item, index) => [idOf(item, key), index]));
  const position = new Map((Array.isArray(base) ? base : []).map((item, index) => [idOf(item, key), index]));
  const named = list.filter((item) => rank.has(idOf(item, key)));
  named.sort((a, b) => (rank.get(idOf(a, key)) ?? 0) - (rank.get(idOf(b, key)) ?? 0));
  const others = list.filter((item) => !rank.has(idOf(item, key)));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    // A new element stood nowhere: none of the others goes before it.
    const itemPosition = position.get(idOf(item, key)) ?? -1;
    while (next < others.length && (position.get(idOf(others[next], key)) ?? 0) < itemPosition) {
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** A value that replaces what was there: directives and `null` in it mean nothing any more. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned);
  return isJsonObject(value) ? withoutDirectives(value) : value;
}

function withoutDirectives(value: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) {
    const isDirective = key === PATCH_DIRECTIVE || key === RETAIN_KEYS;
    if (!isDirective && value[key] !== null) setOwn(copy, key, cleaned(value[key]));
  }
  return copy;
}

function badDirective(directive: unknown): StatusError {
  const name = typeof directive === "string" ? directive.slice(0, 100) : typeof directive;
  return new StatusError("BadRequest", `the patch is not valid: unknown directive ${JSON.stringify(name)}`);
}
