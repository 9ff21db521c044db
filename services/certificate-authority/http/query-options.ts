import type { FieldValidation } from "../../shared/kubernetes/field-validation.ts";
import { type StatusCause, StatusError } from "../../shared/status-error.ts";
import { cause, forbidden, invalidOptions, notSupported } from "./invalid.ts";
import { isTrue } from "./request-info.ts";

/** Options of create, update and patch. */
export interface WriteQueryOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
}

export type WriteOptionsKind = "CreateOptions" | "UpdateOptions" | "PatchOptions";

const FIELD_VALIDATIONS: ReadonlySet<string> = new Set(["", "Ignore", "Warn", "Strict"]);
const MAX_FIELD_MANAGER_LENGTH = 128;
const NO_WRITE_OPTIONS: WriteQueryOptions = { dryRun: false, fieldValidation: "Warn" };

/**
 * @throws {StatusError} Invalid with a cause per bad option.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go.
 */
export function writeOptionsOf(query: URLSearchParams, kind: WriteOptionsKind): WriteQueryOptions {
  if (query.size === 0) return NO_WRITE_OPTIONS;
  const dryRun = query.getAll("dryRun");
  const fieldValidation = query.get("fieldValidation") ?? "";
  const causes = [
    ...(kind === "PatchOptions" && query.has("force")
      ? [forbidden("force", "may not be specified for non-apply patch")]
      : []),
    ...fieldManagerProblems(query.get("fieldManager") ?? ""),
    ...dryRunProblems(dryRun),
    ...(FIELD_VALIDATIONS.has(fieldValidation)
      ? []
      : [notSupported("fieldValidation", fieldValidation, "Ignore, Strict, Warn")]),
  ];
  if (causes.length > 0) throw invalidOptions(kind, causes);
  return { dryRun: dryRun.length > 0, fieldValidation: (fieldValidation || "Warn") as FieldValidation };
}

export function dryRunProblems(dryRun: readonly string[]): StatusCause[] {
  const unknown = dryRun.find((value) => value !== "All");
  return unknown === undefined ? [] : [notSupported("dryRun", unknown, "All")];
}

function fieldManagerProblems(fieldManager: string): StatusCause[] {
  const isTooLong = Buffer.byteLength(fieldManager) > MAX_FIELD_MANAGER_LENGTH;
  return [
    ...(isTooLong ? [cause("TooLong", "fieldManager", `may not be more than ${MAX_FIELD_MANAGER_LENGTH} bytes`)] : []),
    ...(/[^\P{C}]|[^\P{Z} ]/u.test(fieldManager)
      ? [cause("Invalid", "fieldManager", "may only have printable characters")]
      : []),
  ];
}

/** Kubernetes reads a present boolean option as true unless it says false. */
export function booleanOption(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : isTrue(value);
}

/** @throws {StatusError} BadRequest. Undefined when absent. */
export function integerOption(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (/^[+-]?\d{1,15}$/.test(value)) return Number(value);
  throw new StatusError("BadRequest", `the query option ${name} is no integer`);
}

/** Nanoseconds of Go's units of time. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|[uµμ]s|ms|s|m|h))+$/;
const TERM = /([\d.]+)([a-zµμ]+)/g;
const MAX_NANOSECONDS = 2 ** 63;

/**
 * How long a client wants to wait is for itself to count; a `timeout` that is no duration is refused all the same.
 *
 * @throws {StatusError} BadRequest.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go; Go's time.ParseDuration.
 */
export function requireTimeout(query: URLSearchParams): void {
  const timeout = query.get("timeout");
  if (timeout === null || timeout === "" || /^[+-]?0$/.test(timeout)) return;
  if (DURATION.test(timeout) && nanosecondsIn(timeout) < MAX_NANOSECONDS) return;
  throw new StatusError(
    "BadRequest",
    `the query option timeout is no duration: ${JSON.stringify(timeout.slice(0, 100))}`,
  );
}

function nanosecondsIn(duration: string): number {
  const terms = [...duration.matchAll(TERM)];
  return terms.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
}
