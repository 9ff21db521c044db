import { StatusError } from "../status-error.ts";
import type { WireFormat } from "./decode-body.ts";
import { PROTOBUF_TYPE } from "./protobuf.ts";

/** What the caller wants instead of the object itself (Accept parameters `as`, `v` and `g`). */
export type Conversion = "none" | "table" | "partial";

export interface OutputFormat {
  readonly format: WireFormat;
  readonly conversion: Conversion;
  /** The `meta.k8s.io` version that the conversion is asked in; `v1` without one. */
  readonly conversionVersion: "v1" | "v1beta1";
  readonly pretty: boolean;
}

export interface Offer {
  /** In order of preference, for wildcards. */
  readonly formats: readonly WireFormat[];
  readonly conversions: boolean;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const MEDIA_TYPES: Readonly<Record<WireFormat, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: PROTOBUF_TYPE,
};
const DEFAULT_FORMAT: OutputFormat = { format: "json", conversion: "none", conversionVersion: "v1", pretty: false };
const MAX_CLAUSES = 32;
/** Clients send a handful of Accept headers over and over. */
const MAX_REMEMBERED = 256;
const MAX_REMEMBERED_LENGTH = 512;

/** Makes a negotiator for endpoints with one offer. It remembers the headers it has seen. */
export function outputNegotiator(offer: Offer): (accept: string | undefined) => OutputFormat {
  const remembered = new Map<string, OutputFormat>();
  return (accept) => {
    if (accept === undefined || accept === "") return DEFAULT_FORMAT;
    const known = remembered.get(accept);
    if (known !== undefined) return known;
    const format = negotiate(accept, offer);
    if (accept.length <= MAX_REMEMBERED_LENGTH) {
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(accept, format);
    }
    return format;
  };
}

/**
 * The first clause, best quality first, that can be served.
 *
 * @throws {StatusError} NotAcceptable.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go.
 */
function negotiate(accept: string, offer: Offer): OutputFormat {
  for (const clause of parseAccept(accept)) {
    for (const format of offer.formats) {
      const accepted = matches(clause.type, MEDIA_TYPES[format]) ? formatOf(clause, format, offer) : undefined;
      if (accepted !== undefined) return accepted;
    }
  }
  const served = offer.formats.map((format) => MEDIA_TYPES[format]).join(", ");
  throw new StatusError("NotAcceptable", `only the following media types are accepted: ${served}`);
}

function parseAccept(accept: string): Clause[] {
  const clauses = accept.split(",", MAX_CLAUSES).map(parseClause);
  return clauses.filter(({ quality }) => quality > 0).sort(compareClauses);
}

/** Better quality first, then the more specific; the order of the header stands otherwise. */
function compareClauses(a: Clause, b: Clause): number {
  return b.quality - a.quality || wildcards(a.type) - wildcards(b.type);
}

function wildcards(type: string): number {
  return type === "*/*" ? 2 : type.endsWith("/*") ? 1 : 0;
}

function parseClause(text: string): Clause {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals < 0) continue;
    const value = parameter.slice(equals + 1).trim();
    parameters.set(parameter.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, "$1"));
  }
  const quality = Number(parameters.get("q") ?? "1");
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 };
}

function matches(range: string, type: string): boolean {
  return range === type || range === "*/*" || (range.endsWith("/*") && type.startsWith(range.slice(0, -1)));
}

function formatOf({ parameters }: Clause, format: WireFormat, offer: Offer): OutputFormat | undefined {
  const pretty = parameters.get("pretty") === "1";
  const stream = parameters.get("stream") ?? "";
  if (stream !== "" && (stream !== "watch" || format === "yaml")) return undefined;
  const target = parameters.get("as");
  if (target === undefined && !parameters.has("g") && !parameters.has("v")) {
    return { format, conversion: "none", conversionVersion: "v1", pretty };
  }
  const version = parameters.get("v");
  if (!offer.conversions || parameters.get("g") !== "meta.k8s.io") return undefined;
  if (version !== "v1" && version !== "v1beta1") return undefined;
  const conversion = conversionOf(target, format);
  return conversion && { format, conversion, conversionVersion: version, pretty };
}

function conversionOf(target: string | undefined, format: WireFormat): Conversion | undefined {
  if (target === "Table") return format === "protobuf" ? undefined : "table";
  return target === "PartialObjectMetadata" || target === "PartialObjectMetadataList" ? "partial" : undefined;
}
