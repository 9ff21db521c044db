import jsonPatch from "fast-json-patch";
import { StatusError } from "../status-error.ts";
import { isJsonObject, type JsonObject } from "./json-object.ts";

const MAX_OPERATIONS = 10_000;
/** An operation may cost as much as copying the document and the patch; their product is what is bounded. */
const MAX_WORK_BYTES = 256 * 1024 * 1024;
/** As much as a request body: `copy` multiplies what is there. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;
const OPERATIONS: ReadonlySet<unknown> = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/** A JSON patch, checked for shape. */
export interface JsonPatch {
  readonly operations: readonly jsonPatch.Operation[];
  readonly bytes: number;
}

/**
 * Checks the shape of a JSON patch (RFC 6902).
 *
 * @param bytes - the length of its text.
 * @throws {StatusError} BadRequest when it is no list; Invalid when an operation is none; RequestEntityTooLarge when it
 *   has too many.
 */
export function readJsonPatch(value: unknown, bytes: number): JsonPatch {
  if (!Array.isArray(value)) throw new StatusError("BadRequest", "a JSON patch is a list of operations");
  if (value.length > MAX_OPERATIONS) {
    throw new StatusError("RequestEntityTooLarge", `a JSON patch may have at most ${MAX_OPERATIONS} operations`);
  }
  return { operations: value.map(readOperation), bytes };
}

function readOperation(value: unknown, index: number): jsonPatch.Operation {
  const operation = isJsonObject(value) ? value : {};
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
  const own = { ...structuredClone(operation), op: lenientOperation(document, operation) } as jsonPatch.Operation;
  return jsonPatch.applyOperation(document, own, true, true, true, index).newDocument;
}

/** `replace` of a key that an object lacks sets it, as in Kubernetes; RFC 6902 would refuse. */
function lenientOperation(document: unknown, { op, path }: jsonPatch.Operation): string {
  if (op !== "replace" || path === "") return op;
  const parent: unknown = jsonPatch.getValueByPointer(document, path.slice(0, path.lastIndexOf("/")));
  return isJsonObject(parent) ? "add" : op;
}

function copiedSize(document: unknown, from: string): number {
  return (JSON.stringify(jsonPatch.getValueByPointer(document, from)) ?? "").length;
}

function tooMuch(): StatusError {
  return new StatusError("RequestEntityTooLarge", "the JSON patch asks for too much work");
}
