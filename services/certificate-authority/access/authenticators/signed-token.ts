import { decodeJwt, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, type LocalJWKSet } from "jose";
import type { Clock } from "../../../shared/clock.ts";
import { type Outcome, refused } from "./authenticator.ts";
import { type KeySet, KeysUnavailableError } from "./key-set.ts";

/**
 * What an issuer may sign with. No `none`, and no HMAC, whose key could be somebody's public key.
 * Source: RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2.
 */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** How far the issuer's clock may be off. */
const SKEW_SECONDS = 10;
/** Keys that are tried when a token names none, or several go by the same id. */
const MAXIMUM_TRIES = 8;

export interface SignedTokenRules {
  /** Exactly the token's `iss`. */
  readonly issuer: string;
  /** One of them must be in the token's `aud`. */
  readonly audiences: readonly string[];
  readonly keys: KeySet;
  readonly clock: Clock;
}

/** Claims whose signature, issuer, audience and dates have been checked. */
export interface CheckedClaims {
  readonly kind: "claims";
  readonly claims: JWTPayload;
  readonly expiresAt: Date;
}

type Refused = Extract<Outcome, { readonly kind: "refused" }>;
type Verdict = CheckedClaims | Refused | { readonly kind: "nobody" };

/**
 * Checks a signed token of one issuer. Whose token it claims to be is looked at first, so that tokens of others are left
 * to others; nothing else is believed before the signature is checked. Keys named or brought by the token itself (`jku`,
 * `x5u`, `jwk`, `x5c`) are not used.
 */
export async function checkSignedToken(token: string, rules: SignedTokenRules): Promise<Verdict> {
  if (claimedIssuer(token) !== rules.issuer) return { kind: "nobody" };
  try {
    const claims = await verifyRenewing(token, rules);
    return { kind: "claims", claims, expiresAt: new Date((claims.exp ?? 0) * 1000) };
  } catch (error) {
    return refusalOf(error);
  }
}

function claimedIssuer(token: string): string | undefined {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === "string" ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** When the token cannot be checked with the keys that are here, the issuer may have newer ones. */
async function verifyRenewing(token: string, rules: SignedTokenRules): Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    issuer: rules.issuer,
    audience: [...rules.audiences],
    algorithms: ALGORITHMS,
    clockTolerance: SKEW_SECONDS,
    currentDate: rules.clock.now(),
    requiredClaims: ["exp"],
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

function refusalOf(error: unknown): Refused {
  if (error instanceof KeysUnavailableError) return refused(error.message, false);
  if (error instanceof errors.JWTExpired) return refused("the token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    const isEarly = error.claim === "nbf" && error.reason === "check_failed";
    return isEarly
      ? refused("the token is not valid yet", false)
      : refused(`the token's ${error.claim} is not acceptable`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return refused("the token's signature algorithm is not allowed");
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused("the token's signature is wrong");
  if (error instanceof errors.JWKSNoMatchingKey) return refused("the token's key is none of the issuer's", false);
  if (error instanceof errors.JOSEError) return refused(`the token cannot be checked: ${error.code}`);
  return refused(`the token cannot be checked: ${(error as Error).name}`, false);
}
