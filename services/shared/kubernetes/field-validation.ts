import type { ServerResponse } from "node:http";
import { StatusError } from "../status-error.ts";

/** What to do with unknown and duplicate fields: refuse, warn in headers, or nothing. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

const MAX_WARNINGS = 20;
const MAX_WARNING_LENGTH = 256;

/**
 * Deals with what strict decoding objected to.
 *
 * @throws {StatusError} BadRequest under `Strict`.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/{create,rest}.go.
 */
export function applyFieldValidation(
  validation: FieldValidation,
  strictErrors: readonly string[],
  response: ServerResponse,
): void {
  if (strictErrors.length === 0 || validation === "Ignore") return;
  if (validation === "Strict") {
    throw new StatusError("BadRequest", `strict decoding error: ${strictErrors.join(", ")}`);
  }
  addWarnings(response, strictErrors);
}

/** Adds `Warning: 299` headers (RFC 7234 section 5.5), which kubectl prints. */
function addWarnings(response: ServerResponse, texts: readonly string[]): void {
  for (const text of texts.slice(0, MAX_WARNINGS)) {
    const printable = text.slice(0, MAX_WARNING_LENGTH).replaceAll(/[^\x20-\x7e]/g, "?");
    response.appendHeader("Warning", `299 - "${printable.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
  }
}
