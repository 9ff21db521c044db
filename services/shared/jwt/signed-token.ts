import { decodeJwt, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, type LocalJWKSet } from "jose";
import type { Clock } from "../clock.ts";
import { type KeySet, KeysUnavailableError } from "./key-set.ts";

/**
 * What an issuer may sign with. No `none`, and no HMAC, whose key could be somebody's public key.
 * Source: RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2.
 */
export const SIGNATURE_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

/** How far the issuer's clock may be off, unless the rules say otherwise. */
export const TOKEN_SKEW_SECONDS = 10;
/** Keys that are tried when a token names none, or several go by the same id. */
const MAXIMUM_TRIES = 8;

export interface SignedTokenRules {
  /** Exactly the token's `iss`. */
  readonly issuer: string;
  /** One of them must be in the token's `aud`. */
  readonly audiences: readonly string[];
  readonly keys: KeySet;
  readonly clock: Clock;
  /** All of `SIGNATURE_ALGORITHMS` when absent. */
  readonly algorithms?: readonly string[];
  readonly skewSeconds?: number;
  /** How long ago the token may have been made, skew aside; then `iat` is required. */
  readonly maximumAgeSeconds?: number;
}

/** Why a token is not taken; the message holds nothing of it. */
export class SignedTokenError extends Error {
  override readonly name = "SignedTokenError";
  /** Whether showing the same again a moment later cannot end differently. */
  readonly isLasting: boolean;

  constructor(message: string, isLasting: boolean, cause: unknown) {
    super(message, { cause });
    this.isLasting = isLasting;
  }
}

/** Whose token it says it is: to be believed after `verifySignedToken` alone. Undefined for what is no token. */
export function claimedIssuer(token: string): string | undefined {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === "string" ? iss : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The claims of a signed token of one issuer: its signature, issuer, audience and dates are checked. Keys named or brought
 * by the token itself (`jku`, `x5u`, `jwk`, `x5c`) are not used.
 *
 * @throws {SignedTokenError}
 */
export async function verifySignedToken(token: string, rules: SignedTokenRules): Promise<JWTPayload> {
  try {
    return await verifyRenewing(token, rules);
  } catch (error) {
    throw problemOf(error);
  }
}

/** When the token cannot be checked with the keys that are here, the issuer may have newer ones. */
async function verifyRenewing(token: string, rules: SignedTokenRules): Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    issuer: rules.issuer,
    audience: [...rules.audiences],
    algorithms: [...(rules.algorithms ?? SIGNATURE_ALGORITHMS)],
    clockTolerance: rules.skewSeconds ?? TOKEN_SKEW_SECONDS,
    currentDate: rules.clock.now(),
    requiredClaims: ["exp"],
    ...(rules.maximumAgeSeconds !== undefined && { maxTokenAge: rules.maximumAgeSeconds }),
  };
  const keys = await rules.keys.current();
  try {
    return await verify(token, keys, options);
  } catch (error) {
    if (!isKeyProblem(error)) throw error;
    const newer = await rules.keys.renewed();
    if (newer === undefined) throw error;
    return verify(token, newer, options);
  }
}

function isKeyProblem(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;
}

async function verify(token: string, keys: LocalJWKSet, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(token, error, options);
    throw error;
  }
}

async function verifyWithAny(
  token: string,
  candidates: InstanceType<typeof errors.JWKSMultipleMatchingKeys>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let tries = 0;
  for await (const key of candidates) {
    tries += 1;
    if (tries > MAXIMUM_TRIES) break;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function problemOf(error: unknown): SignedTokenError {
  const lasting = (message: string) => new SignedTokenError(message, true, error);
  const passing = (message: string) => new SignedTokenError(message, false, error);
  if (error instanceof KeysUnavailableError) return passing(error.message);
  if (error instanceof errors.JWTExpired)
    return lasting(error.claim === "iat" ? "the token is too old" : "the token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    const isEarly = error.claim === "nbf" && error.reason === "check_failed";
    return isEarly ? passing("the token is not valid yet") : lasting(`the token's ${error.claim} is not acceptable`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return lasting("the token's signature algorithm is not allowed");
  if (error instanceof errors.JWSSignatureVerificationFailed) return lasting("the token's signature is wrong");
  if (error instanceof errors.JWKSNoMatchingKey) return passing("the token's key is none of the issuer's");
  if (error instanceof errors.JOSEError) return lasting(`the token cannot be checked: ${error.code}`);
  return passing(`the token cannot be checked: ${(error as Error).name}`);
}
