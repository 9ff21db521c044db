import { createHash } from "node:crypto";
import { type Call, sendBytes } from "../call.ts";

/**
 * Answers 200 with an entity tag of the content, or 304 when the caller has that content already.
 *
 * @param tag - what stands for the content; a hash of it when absent.
 * @returns the tag, without quotation marks, when the caller named it as what it has.
 */
export function sendTagged(call: Call, type: string, body: Buffer, tag?: string): string | undefined {
  const digest = tag ?? createHash("sha256").update(body).digest("hex");
  const etag = `"${digest}"`;
  const headers = { etag, "cache-control": "no-cache" };
  if (matchesEtag(call.request.headers["if-none-match"], etag)) {
    call.response.writeHead(304, headers).end();
    return call.request.headers["if-none-match"]?.includes(etag) ? digest : undefined;
  }
  for (const [header, value] of Object.entries(headers)) call.response.setHeader(header, value);
  sendBytes(call.response, 200, type, body);
  return undefined;
}

/** Weak comparison, as RFC 9110 section 13.1.2 asks for If-None-Match. */
function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(",")
    .some((candidate) => candidate.trim() === "*" || candidate.trim().replace(/^W\//, "") === etag);
}
