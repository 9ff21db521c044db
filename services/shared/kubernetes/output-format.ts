import { type Clause, notAcceptable, parseAccept } from "../accept.ts";
import type { WireFormat } from "./decode-body.ts";
import { PROTOBUF_TYPE } from "./protobuf.ts";

/** What the caller wants instead of the object itself (Accept parameters `as`, `v` and `g`). */
export type Conversion = "none" | "table" | "partial" | "partialList";

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

/** What each format is called in Accept and Content-Type. */
export const MEDIA_TYPES: Readonly<Record<WireFormat, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: PROTOBUF_TYPE,
};
const DEFAULT_FORMAT: OutputFormat = { format: "json", conversion: "none", conversionVersion: "v1", pretty: false };
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
 * The best clause that can be served.
 *
 * @throws {StatusError} NotAcceptable.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go.
 */
function negotiate(accept: string, offer: Offer): OutputFormat {
  for (const clause of parseAccept(accept)) {
    for (const format of offer.formats) {
      const accepted = clause.covers(MEDIA_TYPES[format]) ? formatOf(clause, format, offer) : undefined;
      if (accepted !== undefined) return accepted;
    }
  }
  throw notAcceptable(offer.formats.map((format) => MEDIA_TYPES[format]));
}

function formatOf({ parameters }: Clause, format: WireFormat, offer: Offer): OutputFormat | undefined {
  const pretty = parameters.get("pretty") === "1";
  const stream = parameters.get("stream") ?? "";
  if (stream !== "" && (stream !== "watch" || format === "yaml")) return undefined;
  const target = parameters.get("as") || undefined;
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
  if (target === "PartialObjectMetadata") return "partial";
  return target === "PartialObjectMetadataList" ? "partialList" : undefined;
}
