import { type MediaType, notAcceptable, parseAccept, parseMediaType } from "../../shared/accept.ts";

export const JSON_TYPE = "application/json";
export const PEM_TYPE = "application/x-pem-file";

/** Something that can be served for a media type, its parameters included. */
export interface Offer<Content> {
  /** What callers ask for. */
  readonly mediaType: string;
  /** What the answer is called. */
  readonly contentType: string;
  readonly content: Content;
}

/**
 * The media type, one of `types`, that serves an Accept header best, as `chooseOffer` finds it.
 *
 * @throws {StatusError} NotAcceptable when the caller accepts none of them.
 */
export function negotiate(accept: string | undefined, types: readonly string[]): string {
  return chooseOffer(
    accept,
    types.map((mediaType) => ({ mediaType, contentType: mediaType, content: undefined })),
  ).mediaType;
}

/**
 * The offer that serves an Accept header best. Of those that a wildcard leaves open it is the first one. A clause with
 * parameters is served by an offer that has the same ones.
 *
 * @throws {StatusError} NotAcceptable.
 */
export function chooseOffer<Content>(accept: string | undefined, offers: readonly Offer<Content>[]): Offer<Content> {
  const offered = offers.map((offer) => ({ offer, ...parseMediaType(offer.mediaType) }));
  for (const clause of parseAccept(accept)) {
    const isWildcard = clause.type.endsWith("/*");
    const found = offered.find((one) => clause.covers(one.type) && (isWildcard || haveSameParameters(one, clause)));
    if (found !== undefined) return found.offer;
  }
  throw notAcceptable(offers.map(({ mediaType }) => mediaType));
}

/** `charset` and `pretty` ask for nothing that would make another offer. */
function haveSameParameters({ parameters: offered }: MediaType, { parameters: asked }: MediaType): boolean {
  const names = [...asked.keys()].filter((name) => name !== "charset" && name !== "pretty");
  return names.length === offered.size && names.every((name) => offered.get(name) === asked.get(name));
}
