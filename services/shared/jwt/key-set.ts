import { createHash, createPublicKey } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet, type JWK, type LocalJWKSet } from "jose";

const MAXIMUM_KEYS = 100;
const KEY_TYPES: ReadonlySet<unknown> = new Set(["RSA", "EC", "OKP"]);

/** An issuer's keys, wherever they come from. */
export interface KeySet {
  /** @throws {KeysUnavailableError} */
  current(): LocalJWKSet | Promise<LocalJWKSet>;
  /**
   * Looks for newer keys, because a token could not be checked with those that are here.
   * @returns undefined when there are none, or it is too early to ask again.
   */
  renewed(): Promise<LocalJWKSet | undefined>;
  /** Upkeep, called every few seconds; never throws. */
  maintain(): void;
  /** What `maintain` would take now, by the names of files and issuers. */
  due(): readonly string[];
}

/** There are no keys to check with. The message is for the log. */
export class KeysUnavailableError extends Error {
  override readonly name = "KeysUnavailableError";
}

/**
 * Reads a JSON Web Key Set (RFC 7517 section 5). What is no public key for signatures is left out, so that a key of a
 * kind we do not know hurts no other.
 *
 * @throws when the text is none, has too many keys, or none that can be used.
 */
export function parseJwks(text: string): LocalJWKSet {
  const keys = keysOf(JSON.parse(text));
  if (keys.length > MAXIMUM_KEYS) throw new Error(`the key set has more than ${MAXIMUM_KEYS} keys`);
  const usable = keys.filter(isPublicSignatureKey);
  if (usable.length === 0) throw new Error("the key set has no public key for signatures");
  return createLocalJWKSet({ keys: usable });
}

function keysOf(document: unknown): readonly unknown[] {
  const { keys } = Object(document) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("not a JSON Web Key Set");
  return keys;
}

function isPublicSignatureKey(key: unknown): key is JWK {
  if (typeof key !== "object" || key === null) return false;
  const { kty, use, d } = key as Partial<JWK>;
  return KEY_TYPES.has(kty) && d === undefined && (use === undefined || use === "sig");
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const PUBLIC_LABELS: ReadonlySet<string> = new Set(["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"]);

/**
 * Reads PEM public keys. Each gets the key id that a kube-apiserver gives it: base64url of the SPKI's SHA-256.
 *
 * Source: kubernetes pkg/serviceaccount/jwt.go (keyIDFromPublicKey).
 *
 * @throws when a text holds no key, or a private one, which has no business here.
 */
export function parsePublicKeys(texts: readonly string[]): LocalJWKSet {
  const keys = texts.flatMap((text): JSONWebKeySet["keys"] => {
    const blocks = [...text.matchAll(PEM_BLOCK)];
    if (blocks.length === 0) throw new Error("a file holds no PEM public key");
    return blocks.map(([pem, label = ""]) => {
      if (!PUBLIC_LABELS.has(label)) throw new Error(`a file holds a ${label}; give the public key`);
      const key = createPublicKey(pem);
      const spki = key.export({ type: "spki", format: "der" });
      return { ...(key.export({ format: "jwk" }) as JWK), kid: createHash("sha256").update(spki).digest("base64url") };
    });
  });
  return createLocalJWKSet({ keys });
}
