import type { ServerResponse } from "node:http";
import { StatusError } from "../status-error.ts";

/** What to do with unknown and duplicate fields: refuse, warn in headers, or nothing. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

/** Warnings that are longer together are each cut, and end where this is reached. */
const MAX_CHARACTERS = 4096;
const MAX_CHARACTERS_WHEN_CUT = 256;

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

/**
 * Adds `Warning: 299` headers (RFC 7234 section 5.5), which kubectl prints.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/warning.go.
 */
export function addWarnings(response: ServerResponse, texts: readonly string[]): void {
  const isCut = texts.reduce((sum, text) => sum + text.length, 0) > MAX_CHARACTERS;
  let written = 0;
  for (const whole of texts) {
    if (written >= MAX_CHARACTERS) return;
    const text = isCut ? whole.slice(0, MAX_CHARACTERS_WHEN_CUT) : whole;
    written += text.length;
    const quoted = text.replaceAll(/\p{C}/gu, "?").replaceAll(/["\\]/g, String.raw`\$&`);
    // Node takes one character for one octet.
    response.appendHeader("Warning", `299 - "${Buffer.from(quoted).toString("latin1")}"`);
  }
}
