import { StatusError } from "../../../shared/status-error.ts";

export const JSON_TYPE = "application/json";
export const PEM_TYPE = "application/x-pem-file";

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

/**
 * The best of `offers` for an Accept header; of equally good ones the first. No header accepts anything.
 *
 * @throws {StatusError} NotAcceptable when the caller accepts none of them.
 * Source: RFC 9110 section 12.5.1.
 */
export function negotiate(accept: string | undefined, offers: readonly string[]): string {
  const ranges = accept === undefined || accept.trim() === "" ? [] : accept.split(",").map(parseRange);
  const ranked = offers
    .map((offer) => ({ offer, quality: ranges.length === 0 ? 1 : qualityOf(offer, ranges) }))
    .sort((a, b) => b.quality - a.quality);
  const [best] = ranked;
  if (best !== undefined && best.quality > 0) return best.offer;
  throw new StatusError("NotAcceptable", `only ${offers.join(" and ")} can be served here; ask for it in Accept`);
}

function parseRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const value = quality === undefined ? 1 : Number(quality);
  return { type, quality: Number.isFinite(value) ? value : 0 };
}

/** The most specific matching range decides. */
function qualityOf(offer: string, ranges: readonly MediaRange[]): number {
  const [family = ""] = offer.split("/");
  for (const type of [offer, `${family}/*`, "*/*"]) {
    const range = ranges.find((candidate) => candidate.type === type);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
