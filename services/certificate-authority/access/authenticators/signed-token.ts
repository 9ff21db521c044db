import type { JWTPayload } from "jose";
import {
  claimedIssuer,
  SignedTokenError,
  type SignedTokenRules,
  verifySignedToken,
} from "../../../shared/jwt/signed-token.ts";
import { type Outcome, refused } from "./authenticator.ts";

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
 * to others; nothing else is believed before the signature is checked.
 */
export async function checkSignedToken(token: string, rules: SignedTokenRules): Promise<Verdict> {
  if (claimedIssuer(token) !== rules.issuer) return { kind: "nobody" };
  try {
    const claims = await verifySignedToken(token, rules);
    return { kind: "claims", claims, expiresAt: new Date((claims.exp ?? 0) * 1000) };
  } catch (error) {
    if (error instanceof SignedTokenError) return refused(error.message, error.isLasting);
    throw error;
  }
}
