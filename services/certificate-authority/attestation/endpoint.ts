import { z } from "zod";

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/;

/** Where a cloud's API is: scheme, host and port. `http:` is for loopback, and only with `allowPlainHttp` beside it. */
export const endpoint = z.string().max(512).refine(isEndpoint, "must be an https URL of a host, without path");

/** Less safe: endpoints may be `http:`, on loopback. */
export const allowPlainHttp = z.boolean().default(false);

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isPlainLoopback = url.protocol === "http:" && LOOPBACK.test(url.hostname);
  return (url.protocol === "https:" || isPlainLoopback) && (text === url.origin || text === `${url.origin}/`);
}

/** What speaks against an endpoint that `endpoint` accepted; undefined when nothing does. */
export function plainHttpProblem(url: string | undefined, isAllowed: boolean): string | undefined {
  if (isAllowed || url?.startsWith("http:") !== true) return undefined;
  return "is not https; set allowPlainHttp to talk to loopback in the clear";
}
