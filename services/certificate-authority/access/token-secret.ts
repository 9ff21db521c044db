import { createHmac, type KeyObject, randomInt, timingSafeEqual } from "node:crypto";
import { TOKEN_ID, TOKEN_SECRET } from "../domain/bootstrap-token.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;

export interface TokenParts {
  readonly id: string;
  readonly secret: string;
}

/** @returns undefined unless the whole text is `<id>.<secret>`. */
export function parseToken(text: string): TokenParts | undefined {
  const [id, secret] = [text.slice(0, ID_LENGTH), text.slice(ID_LENGTH + 1)];
  const isToken = text[ID_LENGTH] === "." && TOKEN_ID.test(id) && TOKEN_SECRET.test(secret);
  return isToken ? { id, secret } : undefined;
}

/** Uniform over the 36 characters: 31 bits. An id is no secret. */
export function randomTokenId(): string {
  return randomText(ID_LENGTH);
}

/** Uniform over the 36 characters: 82 bits. */
export function randomTokenSecret(): string {
  return randomText(SECRET_LENGTH);
}

/**
 * What is stored of a token: HMAC-SHA-256 under a key that is not in the ledger, so that a copy of the ledger is no help
 * in guessing secrets. The id goes in too: a hash moved to another token's row is worth nothing there.
 */
export function hashToken(key: KeyObject, { id, secret }: TokenParts): Buffer {
  return createHmac("sha256", key).update(`${id}.${secret}`).digest();
}

/** Compares in constant time; false for a stored hash of another length. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
}
