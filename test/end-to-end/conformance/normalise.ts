import { isJsonObject, type JsonObject } from "../../../services/shared/kubernetes/json-object.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const AGE = /^\d+[sm](\d+s)?$/;
const GENERATED_NAME = /^(generated.*-|\.)[bcdfghjklmnpqrstvwxz2456789]{5}$/;
const NOW_WITHIN_MILLISECONDS = 120_000;
const FREE_TEXTS: ReadonlySet<string> = new Set(["description", "evaluationError"]);
const NAME_KEYS: ReadonlySet<string> = new Set(["name", "Name"]);

/** An answer without what must differ between two servers: names are kept, values that only one could know are not. */
export function normalise(value: unknown): unknown {
  return normaliseAt("", value);
}

function normaliseAt(key: string, value: unknown): unknown {
  if (typeof value === "string") return normaliseText(key, value);
  if (Array.isArray(value)) return normaliseList(key, value);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(withoutForeign(value)).filter(([name]) => !LEFT_OUT.has(name));
  return Object.fromEntries(entries.map(([name, member]) => [name, normaliseAt(name, member)]));
}

/** What one server keeps of an object and the other does not, and what clients make nothing of. */
const LEFT_OUT: ReadonlySet<string> = new Set(["managedFields", "storageVersionHash"]);
const COMPARED_GROUP = "certificates.k8s.io";
const NOT_SERVED_BY_BOTH: ReadonlySet<unknown> = new Set(["localsubjectaccessreviews"]);

/** Discovery documents, reduced to what both servers are meant to serve. */
function withoutForeign(document: JsonObject): JsonObject {
  const { kind, groups, items, resources } = document;
  const named = (list: unknown, nameOf: (entry: JsonObject) => unknown): unknown =>
    (list as JsonObject[]).filter((entry) => nameOf(entry) === COMPARED_GROUP);
  if (kind === "APIGroupList") return { ...document, groups: named(groups, ({ name }) => name) };
  if (kind === "APIGroupDiscoveryList") {
    return { ...document, items: named(items, ({ metadata }) => (metadata as JsonObject)["name"]) };
  }
  if (kind !== "APIResourceList") return document;
  return { ...document, resources: (resources as JsonObject[]).filter(({ name }) => !NOT_SERVED_BY_BOTH.has(name)) };
}

function normaliseList(key: string, list: readonly unknown[]): unknown {
  if (key === "cells") return list.map((cell) => normaliseCell(cell));
  const normalised = list.map((item) => normaliseAt(key, item));
  if (key !== "causes") return normalised;
  // Their order is nobody's business, nor is their text, nor how often a rule of a field is named.
  const causes = (normalised as JsonObject[]).map(
    ({ reason, field = "" }) => `${String(reason)} ${JSON.stringify(field)}`,
  );
  return [...new Set(causes)].sort();
}

function normaliseText(key: string, text: string): string {
  if (key === "uid" && UUID.test(text)) return "<uid>";
  if (key === "resourceVersion" && /^[1-9]\d*$/.test(text)) return "<revision>";
  if (FREE_TEXTS.has(key)) return "<text>";
  if (NAME_KEYS.has(key)) return text.replace(GENERATED_NAME, "$1<suffix>");
  if (key === "reason") return text.replace(ALLOWED, "RBAC: <text>");
  return normaliseTime(text);
}

/** Which of several bindings is named when all of them allow something is chance. */
const ALLOWED = /^RBAC: allowed by .*$/;

function normaliseTime(text: string): string {
  if (!TIME.test(text)) return text;
  return Math.abs(Date.parse(text) - Date.now()) < NOW_WITHIN_MILLISECONDS ? "<now>" : text;
}

function normaliseCell(cell: unknown): unknown {
  if (typeof cell !== "string") return cell;
  return AGE.test(cell) ? "<age>" : normaliseTime(cell.replace(GENERATED_NAME, "$1<suffix>"));
}

/** A Status without its free text; details that hold nothing say as much as none. */
export function normaliseStatus({ message, details, ...rest }: JsonObject): unknown {
  const hasDetails = isJsonObject(details) && Object.keys(details).length > 0;
  return normalise({ ...rest, ...(hasDetails && { details }), ...(message !== undefined && { message: "<text>" }) });
}

/** Whether a body is a Status; conditions have messages too, and those are compared. */
export function isStatus(value: unknown): value is JsonObject {
  return isJsonObject(value) && value["kind"] === "Status";
}

/** Warnings of several header lines, which Node joins, in any order; the text is free but for what names a field. */
export function normaliseWarnings(joined: string): readonly string[] {
  const warnings = joined.split(/, (?=299 - )/);
  return warnings.map((warning) => (/(unknown|duplicate) field/.test(warning) ? warning : "299 - <text>")).sort();
}
