/** An object as JSON carries it. */
export type JsonObject = Record<string, unknown>;

/** An API object in the shape of its JSON. */
export interface TypedObject extends JsonObject {
  apiVersion: string;
  kind: string;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets a key that a caller chose. Plain assignment would take `__proto__` for the prototype. */
export function setOwn(target: JsonObject, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
    return;
  }
  target[key] = value;
}

/** An own property's value; undefined when there is none, whatever the prototype holds. */
export function getOwn(target: JsonObject, key: string): unknown {
  return Object.hasOwn(target, key) ? target[key] : undefined;
}
