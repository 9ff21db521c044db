import jsonPatch from "fast-json-patch";
import { StatusError } from "../status-error.ts";
import { isJsonObject, type JsonObject } from "./json-object.ts";

const MAX_OPERATIONS = 10_000;
/** An operation may cost as much as copying the document and the patch; their product is what is bounded. */
const MAX_WORK_BYTES = 256 * 1024 * 1024;
/** As much as a request body: `copy` multiplies what is there. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;
const OPERATIONS: ReadonlySet<unknown> = new Set(["add", "remove", "replace", "move", "copy", "test"]);
const MEMBERS: ReadonlySet<string> = new Set(["op", "path", "from", "value"]);

/** A JSON patch, checked for shape. */
export interface JsonPatch {
  readonly operations: readonly jsonPatch.Operation[];
  readonly bytes: number;
  /** Members that no operation has, such as `[0].comment`. */
  readonly unknownMembers: readonly string[];
}

/**
 * Checks the shape of a JSON patch (RFC 6902). `null` is a patch of no operations.
 *
 * @param bytes - the length of its text.
 * @throws {StatusError} BadRequest when it is no list of objects; Invalid when one is no operation;
 *   RequestEntityTooLarge when it has too many.
 */
export function readJsonPatch(given: unknown, bytes: number): JsonPatch {
  const value = given ?? [];
  if (!Array.isArray(value)) throw new StatusError("BadRequest", "a JSON patch is a list of operations");
  if (value.length > MAX_OPERATIONS) {
    throw new StatusError("RequestEntityTooLarge", `a JSON patch may have at most ${MAX_OPERATIONS} operations`);
  }
  const operations = value.map(readOperation);
  const unknownMembers = operations.flatMap((operation, index) =>
    Object.keys(operation).flatMap((name) => (MEMBERS.has(name) ? [] : [`[${index}].${name}`])),
  );
  return { operations, bytes, unknownMembers };
}

function readOperation(value: unknown, index: number): jsonPatch.Operation {
  const operation = value ?? {};
  if (!isJsonObject(operation)) throw new StatusError("BadRequest", "a JSON patch is a list of operations");
  const { op, path, from } = operation as { op?: unknown; path?: unknown; from?: unknown };
  const needsFrom = op === "move" || op === "copy";
  if (!OPERATIONS.has(op) || !isPointer(path) || (needsFrom && !isPointer(from))) {
    throw new StatusError("Invalid", `operation ${index} of the JSON patch is not valid`);
  }
  return operation as unknown as jsonPatch.Operation;
}

function isPointer(value: unknown): value is string {
  return typeof value === "string" && (value === "" || value.startsWith("/"));
}

/**
 * Applies a JSON patch to a copy of `document`.
 *
 * @throws {StatusError} Invalid when an operation fails, a `test` included; RequestEntityTooLarge when it would copy or
 *   work too much.
 */
export function applyJsonPatch(document: JsonObject, patch: JsonPatch): unknown {
  const documentBytes = JSON.stringify(document).length;
  if (patch.operations.length * (documentBytes + patch.bytes) > MAX_WORK_BYTES) throw tooMuch();
  let current: unknown = structuredClone(document);
  let copiedBytes = 0;
  for (const [index, operation] of patch.operations.entries()) {
    try {
      if (operation.op === "copy") copiedBytes += copiedSize(current, operation.from);
      if (copiedBytes <= MAX_COPIED_BYTES) current = applyOne(current, operation, index);
    } catch (cause) {
      const message = `operation ${index} of the JSON patch (${operation.op} ${operation.path.slice(0, 200)}) failed`;
      throw new StatusError("Invalid", message, { cause });
    }
    if (copiedBytes > MAX_COPIED_BYTES) throw tooMuch();
  }
  return current;
}

function applyOne(document: unknown, operation: jsonPatch.Operation, index: number): unknown {
  // The operation is copied, since the library would put its value itself into the document and change it there.
  const own = asKubernetesReads(document, { value: null, ...structuredClone(operation) });
  return own === undefined ? document : jsonPatch.applyOperation(document, own, true, true, true, index).newDocument;
}

type Operation = jsonPatch.Operation & { readonly value?: unknown };

/**
 * What RFC 6902 would say for what kube-apiserver takes an operation for: `replace` of a key that an object lacks sets it;
 * a missing value is `null`; what an object lacks is `null` to `test` and `copy`; negative indices count from the end; the
 * whole document can be replaced and tested only.
 *
 * Source: github.com/evanphx/json-patch v4.
 * @returns undefined when there is nothing to do.
 * @throws {Error} when kube-apiserver would refuse what RFC 6902 allows.
 */
function asKubernetesReads(document: unknown, operation: Operation): jsonPatch.Operation | undefined {
  const { op, value } = operation;
  if (operation.path === "") {
    if (op !== "replace" && op !== "test") throw new Error("the whole document can be replaced and tested only");
    return operation;
  }
  if ((op === "move" || op === "copy") && operation.from === "")
    throw new Error("the whole document stays where it is");
  const path = fromTheStart(document, operation.path, op === "add" || op === "move" || op === "copy");
  const lacks = lacksKey(document, path);
  if (op === "replace" && lacks) return { op: "add", path, value };
  if (op === "test" && lacks && value === null) return undefined;
  if (op === "move") return { op, path, from: fromTheStart(document, operation.from, false) };
  if (op !== "copy") return { ...operation, path };
  const from = fromTheStart(document, operation.from, false);
  return lacksKey(document, from) ? { op: "add", path, value: null } : { op, path, from };
}

/** The pointer with its last part counted from the list's start. */
function fromTheStart(document: unknown, pointer: string, inserts: boolean): string {
  const start = pointer.lastIndexOf("/") + 1;
  const last = pointer.slice(start);
  if (!/^-\d+$/.test(last)) return pointer;
  const list = parentOf(document, pointer);
  if (!Array.isArray(list)) return pointer;
  return pointer.slice(0, start) + String(list.length + (inserts ? 1 : 0) + Number(last));
}

/** Whether the pointer leads to a key that an object does not have. */
function lacksKey(document: unknown, pointer: string): boolean {
  const parent = parentOf(document, pointer);
  const key = jsonPatch.unescapePathComponent(pointer.slice(pointer.lastIndexOf("/") + 1));
  return isJsonObject(parent) && !Object.hasOwn(parent, key);
}

function parentOf(document: unknown, pointer: string): unknown {
  return jsonPatch.getValueByPointer(document, pointer.slice(0, pointer.lastIndexOf("/")));
}

function copiedSize(document: unknown, from: string): number {
  return (JSON.stringify(jsonPatch.getValueByPointer(document, from)) ?? "").length;
}

function tooMuch(): StatusError {
  return new StatusError("RequestEntityTooLarge", "the JSON patch asks for too much work");
}
