import { isJsonObject, type JsonObject, setOwn } from "./json-object.ts";

/**
 * Applies a JSON merge patch (RFC 7386): `null` removes, objects merge, everything else replaces.
 *
 * @returns a new document; neither argument is changed.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = {};
  const base = isJsonObject(document) ? document : {};
  for (const key of Object.keys(base)) {
    if (!Object.hasOwn(patch, key)) setOwn(merged, key, base[key]);
  }
  for (const key of Object.keys(patch)) {
    if (patch[key] !== null) {
      setOwn(merged, key, applyMergePatch(Object.hasOwn(base, key) ? base[key] : undefined, patch[key]));
    }
  }
  return merged;
}
