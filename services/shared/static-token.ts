import { randomBytes, randomInt, scrypt, timingSafeEqual } from "node:crypto";

/**
 * Bearer tokens of people and programs that stand in a file: `gatehouse_<id>_<secret>`. The id says which line is meant,
 * so that one attempt costs one hash, whatever the number of lines.
 */
export interface StaticToken {
  /** Eight characters of a-z0-9; no secret. */
  readonly id: string;
  /** 256 random bits as base64url. */
  readonly secret: string;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 8;
const SECRET_BYTES = 32;
const TOKEN = /^gatehouse_([a-z0-9]{8})_([A-Za-z0-9_-]{43})$/;

export const STATIC_TOKEN_PREFIX = "gatehouse_";

export function newStaticToken(): StaticToken {
  const id = Array.from({ length: ID_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
  return { id, secret: randomBytes(SECRET_BYTES).toString("base64url") };
}

export function formatStaticToken({ id, secret }: StaticToken): string {
  return `${STATIC_TOKEN_PREFIX}${id}_${secret}`;
}

/** @returns undefined unless the whole text is a token of this kind. */
export function parseStaticToken(text: string): StaticToken | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** `$scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<hash>` as the PHC string format writes it: base64 without padding. */
const HASH = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})$/;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 32 MiB and some 60 ms. */
const COST: ScryptCost = { logN: 15, r: 8, p: 1 };
const MAXIMUM_MEMORY_BYTES = 64 * 1024 * 1024;

export interface ScryptCost {
  /** Base-2 logarithm of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

interface StoredHash {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * What is kept of a token. scrypt (RFC 7914) with a salt of its own, rather than a keyed hash: the file then needs no
 * server and no key to be made, can be shared by several servers, and outlives every change of the encryption key.
 */
export async function hashStaticToken({ secret }: StaticToken, cost: ScryptCost = COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(secret, salt, cost);
  const { logN, r, p } = cost;
  return `$scrypt$ln=${logN},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether a text is a hash that `isStaticToken` can compare with, at a cost that this process can bear. */
export function isStaticTokenHash(text: string): boolean {
  return parseHash(text) !== undefined;
}

/** Compares in constant time. @returns false for a hash that is none. */
export async function isStaticToken({ secret }: StaticToken, storedHash: string): Promise<boolean> {
  const stored = parseHash(storedHash);
  if (stored === undefined) return false;
  return timingSafeEqual(await derive(secret, stored.salt, stored.cost), stored.hash);
}

function parseHash(text: string): StoredHash | undefined {
  const match = HASH.exec(text);
  if (match === null) return undefined;
  const [logN = 0, r = 0, p = 0] = match.slice(1, 4).map(Number);
  const isBearable = logN >= 10 && r >= 1 && p >= 1 && p <= 4 && 128 * 2 ** logN * r < MAXIMUM_MEMORY_BYTES;
  if (!isBearable) return undefined;
  return {
    cost: { logN, r, p },
    salt: Buffer.from(match[4] ?? "", "base64"),
    hash: Buffer.from(match[5] ?? "", "base64"),
  };
}

function derive(secret: string, salt: Buffer, { logN, r, p }: ScryptCost): Promise<Buffer> {
  const options = { N: 2 ** logN, r, p, maxmem: MAXIMUM_MEMORY_BYTES };
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, HASH_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
