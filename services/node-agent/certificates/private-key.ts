import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { AgentError } from "../agent-error.ts";

const SMALLEST_RSA_BITS = 2048;

/**
 * A new key like the one that is replaced: the same algorithm, and the same curve or at least as many bits.
 *
 * @throws {AgentError} `unusable` for keys that nothing here makes.
 */
export function newKeyLike(key: KeyObject): KeyObject {
  const { namedCurve = "prime256v1", modulusLength = SMALLEST_RSA_BITS } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (type === "ec") return generateKeyPairSync("ec", { namedCurve }).privateKey;
  if (type === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (type !== "rsa") throw new AgentError("unusable", `keys of type ${type} are not made here; use --keep-key`);
  return generateKeyPairSync("rsa", { modulusLength: Math.max(modulusLength, SMALLEST_RSA_BITS) }).privateKey;
}

/** @throws {AgentError} `unusable` when the file holds no private key, or an encrypted one. */
export function readPrivateKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const message = `${file} holds no private key that can be read; it must be PEM and not encrypted`;
    throw new AgentError("unusable", message, { cause });
  }
}

export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
