import type { JWTPayload } from "jose";
import type { SignedTokenRules } from "../../../shared/jwt/signed-token.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import { type Outcome, refused, type TokenAuthenticator } from "./authenticator.ts";
import { ClaimsError } from "./claims.ts";
import { checkSignedToken } from "./signed-token.ts";

/** @param userOf - who the claims name. @throws {ClaimsError} */
export function signedTokenAuthenticator(
  name: string,
  rules: SignedTokenRules,
  userOf: (claims: JWTPayload) => UserInfo,
): TokenAuthenticator {
  return {
    name,
    judges: "token",
    async authenticate(token): Promise<Outcome> {
      const verdict = await checkSignedToken(token, rules);
      if (verdict.kind !== "claims") return verdict;
      try {
        return { kind: "user", user: userOf(verdict.claims), validUntil: verdict.expiresAt };
      } catch (error) {
        if (error instanceof ClaimsError) return refused(error.message);
        throw error;
      }
    },
  };
}
