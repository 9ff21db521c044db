import { StatusError } from "../../../shared/status-error.ts";

/** Something that can be served for a media type, its parameters included. */
export interface Offer<Content> {
  /** What callers ask for. */
  readonly mediaType: string;
  /** What the answer is called. */
  readonly contentType: string;
  readonly content: Content;
}

interface MediaType {
  readonly type: string;
  /** Without `q`, lower-case names. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const MAX_CLAUSES = 32;

/**
 * The offer that serves an Accept header best: by quality, then by the order of the header, then by the order of the
 * offers. No header accepts the first offer. A clause with parameters is served by an offer that has the same ones.
 *
 * @throws {StatusError} NotAcceptable.
 * Source: RFC 9110 section 12.5.1.
 */
export function chooseOffer<Content>(accept: string | undefined, offers: readonly Offer<Content>[]): Offer<Content> {
  const header = accept === undefined || accept.trim() === "" ? "*/*" : accept;
  const clauses = header.split(",", MAX_CLAUSES).map(parseMediaType);
  for (const clause of clauses.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality)) {
    const offer = offers.find(({ mediaType }) => serves(parseMediaType(mediaType), clause));
    if (offer !== undefined) return offer;
  }
  const served = offers.map(({ mediaType }) => mediaType).join(", ");
  throw new StatusError("NotAcceptable", `only the following media types are accepted: ${served}`);
}

function parseMediaType(text: string): MediaType {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const pairs = rest.map((part) => part.split("=", 2).map((side) => side.trim()));
  const parameters = new Map(pairs.map(([name = "", value = ""]) => [name.toLowerCase(), value]));
  const quality = Number(parameters.get("q") ?? "1");
  parameters.delete("q");
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 };
}

function serves(offer: MediaType, clause: MediaType): boolean {
  const { type } = clause;
  if (type === "*/*") return true;
  if (type.endsWith("/*")) return offer.type.startsWith(type.slice(0, -1));
  return type === offer.type && haveSameParameters(offer.parameters, clause.parameters);
}

/** `charset` and `pretty` ask for nothing that would make another offer. */
function haveSameParameters(offered: ReadonlyMap<string, string>, asked: ReadonlyMap<string, string>): boolean {
  const names = [...asked.keys()].filter((name) => name !== "charset" && name !== "pretty");
  return names.length === offered.size && names.every((name) => offered.get(name) === asked.get(name));
}
