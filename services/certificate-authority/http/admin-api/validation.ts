import type { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { Call } from "../call.ts";

/** Values are echoed so that the caller recognises them, never at length. */
const SHOWN_CHARACTERS = 80;

/**
 * The query of a call, with every problem named.
 *
 * @throws {StatusError} BadRequest when a parameter is unknown, given twice or not as the schema wants it.
 */
export function readQuery<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  query: URLSearchParams,
): z.output<z.ZodObject<Shape>> {
  const repeated = [...new Set(query.keys())].filter((name) => query.getAll(name).length > 1);
  if (repeated.length > 0) {
    throw new StatusError("BadRequest", `query parameter ${quote(repeated[0])} is given more than once; give it once`);
  }
  const values = Object.fromEntries(query);
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const problems = result.error.issues.flatMap((issue) => queryProblems(issue, values, known));
  throw new StatusError("BadRequest", problems.join("; "));
}

/**
 * The JSON body of a call, with every problem named by its field.
 *
 * @throws {StatusError} UnsupportedMediaType when it is not JSON by its Content-Type, BadRequest when it cannot be
 *   parsed, Invalid when it is not as the schema wants it.
 */
export async function readJsonBody<Schema extends z.ZodObject>(
  call: Pick<Call, "request" | "readBody">,
  schema: Schema,
  kind: string,
): Promise<z.output<Schema>> {
  const contentType = (call.request.headers["content-type"] ?? "application/json").split(";")[0]?.trim().toLowerCase();
  if (contentType !== "application/json") {
    throw new StatusError("UnsupportedMediaType", `the body is ${quote(contentType)}; send application/json`);
  }
  const value = parseJson(await call.readBody());
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const causes = result.error.issues.flatMap((issue) => bodyProblems(issue, value, known));
  const summary = causes.map((cause) => `${cause.field}: ${cause.message}`).join("; ");
  throw new StatusError("Invalid", `${kind} is invalid: ${summary}`, { details: { kind, causes } });
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new StatusError("BadRequest", "the body is not valid JSON; send one JSON object", { cause: error });
  }
}

function queryProblems(
  issue: z.core.$ZodIssue,
  values: Record<string, string>,
  known: readonly string[],
): readonly string[] {
  if (issue.code === "unrecognized_keys") {
    const allowed = known.length === 0 ? "none is known here" : `known are ${known.join(", ")}`;
    return issue.keys.map((key) => `query parameter ${quote(key)} is unknown; ${allowed}`);
  }
  const name = String(issue.path[0]);
  return [`query parameter "${name}" is ${quote(values[name])}: ${issue.message}`];
}

function bodyProblems(issue: z.core.$ZodIssue, body: unknown, known: readonly string[]) {
  const field = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      reason: "FieldValueForbidden",
      field: [field, key].filter(Boolean).join("."),
      message: `unknown field; known are ${known.join(", ")}`,
    }));
  }
  const value = issue.path.reduce<unknown>((at, key) => Object(at)[key], body);
  const message = value === undefined ? issue.message : `${quote(value)} ${issue.message}`;
  return [{ reason: "FieldValueInvalid", field: field || "body", message }];
}

function quote(value: unknown): string {
  const text = textOf(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** What is nested too deep to be written again is not shown. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "…";
  }
}

/**
 * A percent-decoded segment of the call's path; index 0 is what follows `/v1/`.
 *
 * @throws {StatusError} BadRequest when it is empty or not valid percent-encoding.
 */
export function pathParameter(call: Call, index: number): string {
  const segment = call.path.split("/")[index + 2] ?? "";
  try {
    const value = decodeURIComponent(segment);
    if (value !== "") return value;
  } catch (error) {
    throw new StatusError("BadRequest", `the path ${quote(call.path)} is not valid percent-encoding`, { cause: error });
  }
  throw new StatusError("BadRequest", `the path ${quote(call.path)} lacks a name`);
}
