import { StatusError } from "./status-error.ts";

/** A media type as an Accept header or an offer writes it. */
export interface MediaType {
  /** Lower case, such as `application/json`; in a header also a range such as `application/*`. */
  readonly type: string;
  /** Names in lower case, values without quotes; `q` is not among them. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One clause of an Accept header that the caller would take. */
export interface Clause extends MediaType {
  /** Whether the clause speaks for this type, parameters aside; a wildcard does not for a type that `q=0` refuses. */
  covers(type: string): boolean;
}

interface RatedType extends MediaType {
  readonly quality: number;
}

const MAX_CLAUSES = 32;

/**
 * What an Accept header asks for, best first: by quality, then the more specific, then as the header has it. Clauses of
 * quality 0 and what comes after 32 clauses are left out. No header, or an empty one, takes anything.
 *
 * Source: RFC 9110 section 12.5.1; kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go.
 */
export function parseAccept(accept: string | undefined): readonly Clause[] {
  const header = accept === undefined || accept.trim() === "" ? "*/*" : accept;
  const rated = header.split(",", MAX_CLAUSES).map(parseRatedType);
  const refused = new Set(rated.filter(isRefusal).map(({ type }) => type));
  return rated
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || wildcards(a.type) - wildcards(b.type))
    .map(({ type, parameters }) => ({ type, parameters, covers: coverage(type, refused) }));
}

/** Reads a media type with its parameters; a parameter without a value is passed over. */
export function parseMediaType(text: string): MediaType {
  const { type, parameters } = parseRatedType(text);
  return { type, parameters };
}

/** The error for a caller who takes none of the media types that are served. */
export function notAcceptable(served: readonly string[]): StatusError {
  return new StatusError("NotAcceptable", `only the following media types are accepted: ${served.join(", ")}`);
}

function parseRatedType(text: string): RatedType {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals < 0) continue;
    const value = parameter.slice(equals + 1).trim();
    parameters.set(parameter.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, "$1"));
  }
  const quality = Number(parameters.get("q") ?? "1");
  parameters.delete("q");
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 };
}

/** With parameters it refuses one variant of the type only. */
function isRefusal({ quality, parameters }: RatedType): boolean {
  return quality <= 0 && parameters.size === 0;
}

function wildcards(type: string): number {
  return type === "*/*" ? 2 : type.endsWith("/*") ? 1 : 0;
}

function coverage(range: string, refused: ReadonlySet<string>): Clause["covers"] {
  if (wildcards(range) === 0) return (type) => type === range;
  const start = range === "*/*" ? "" : range.slice(0, -1);
  return (type) => type.startsWith(start) && !refused.has(type);
}
