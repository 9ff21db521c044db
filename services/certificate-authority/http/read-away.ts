import type { IncomingMessage } from "node:http";

/** How long, and for how much, a body that nobody wants is listened to. */
export interface ReadAwayLimits {
  readonly bytes: number;
  readonly milliseconds: number;
}

/**
 * Reads what is left of a body and forgets it, so that whoever still sends it can read the answer: a connection that is
 * closed over unread octets is reset, and the answer is often lost with it. Past the limit nothing more is taken; the
 * sender then waits, and has the rest of the time to read.
 *
 * @returns once the body has ended, the sender is gone or the time is over. Never throws.
 * Source: RFC 9112 section 9.6.
 */
export function readAway(request: IncomingMessage, { bytes, milliseconds }: ReadAwayLimits): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes;
    const timer = setTimeout(finish, milliseconds).unref();
    function finish(): void {
      clearTimeout(timer);
      request.off("data", forget).off("end", finish).off("close", finish).pause();
      resolve();
    }
    function forget(chunk: Buffer): void {
      left -= chunk.length;
      if (left < 0) request.pause();
    }
    // Whoever breaks off is not told of it here.
    request.on("error", finish).on("end", finish).on("close", finish).on("data", forget);
    if (request.complete || request.destroyed) finish();
    else request.resume();
  });
}
