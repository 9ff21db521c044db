import { createHmac, timingSafeEqual } from "node:crypto";

/** Seconds since 1970, in decimal. */
export const TIMESTAMP_HEADER = "gatehouse-timestamp";
/** `v1=` and the HMAC-SHA256 in hex. */
export const SIGNATURE_HEADER = "gatehouse-signature";

const VERSION = "v1";

/**
 * Signs a message: HMAC-SHA256 (RFC 2104) over `v1:`, the time, `:` and the body as it is sent. Receivers refuse times
 * that are long ago and, where that matters to them, signatures they have seen.
 */
export function signMessage(secret: Buffer, timestampSeconds: number, body: string): string {
  return `${VERSION}=${hmac(secret, `${VERSION}:${timestampSeconds}:`, body)}`;
}

/** Signs an answer: over `v1-answer:`, the signature of the message it answers, `:` and the body. */
export function signAnswer(secret: Buffer, messageSignature: string, body: Uint8Array): string {
  return `${VERSION}=${hmac(secret, `${VERSION}-answer:${messageSignature}:`, body)}`;
}

/** Compares in a time that does not depend on the texts, but for their lengths. */
export function isSameSignature(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function hmac(secret: Buffer, head: string, body: string | Uint8Array): string {
  return createHmac("sha256", secret).update(head).update(body).digest("hex");
}
