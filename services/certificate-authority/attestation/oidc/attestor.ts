import type { JWTPayload } from "jose";
import { compileWholePattern } from "../../../shared/cel/cel-patterns.ts";
import type { Attestor, AttestorTools } from "../attestor.ts";
import { IdentityTokens } from "../identity-tokens.ts";
import { denied } from "../refusal.ts";
import { claimOf } from "./claims.ts";
import type { OidcSettings } from "./settings.ts";

const MACHINE_ID = /^[\x21-\x7e]{1,128}$/;
const MAXIMUM_FIELD_CHARACTERS = 253;
const MAXIMUM_MACHINE_ID = 256;

/**
 * Proves that an OpenID provider has made a token for this very attestation, for somebody of whom it says what the profile
 * requires. The machine is whom the provider says it is.
 *
 * It does not prove more than the provider knows: whoever may ask it for tokens in a machine's name, every process on the
 * machine among them, is that machine. With `replayableAudience` a token counts that is not for this attestation.
 */
export function createOidcAttestor(settings: OidcSettings, tools: AttestorTools): Attestor {
  const tokens = new IdentityTokens(settings, tools);
  const fields = Object.entries(settings.fields).map(([name, { claim, pattern }]) => {
    const compiled = compileWholePattern(pattern);
    return { name, claim, compiled };
  });

  function fieldsOf(claims: JWTPayload): Record<string, string> {
    const found: Record<string, string> = {};
    for (const { name, claim, compiled } of fields) {
      const value = claimOf(claims, claim);
      if (typeof value !== "string" || value.length > MAXIMUM_FIELD_CHARACTERS) continue;
      const part = compiled.capture(value);
      if (part !== undefined && part !== "") found[name] = part;
    }
    return found;
  }

  return {
    async verify(input) {
      const { claims, isFresh } = await tokens.verify(input);
      for (const [name, value] of Object.entries(settings.requiredClaims)) {
        if (claimOf(claims, name) !== value) throw denied(`the token's claim ${name} is not what the profile requires`);
      }
      return { machineId: machineIdOf(claims, settings), pins: {}, fields: fieldsOf(claims), isFresh };
    },
    close: () => tokens.close(),
  };
}

/** Two issuers may call two machines the same. */
function machineIdOf(claims: JWTPayload, { issuer, machineIdClaim }: OidcSettings): string {
  const value = claimOf(claims, machineIdClaim);
  const text = typeof value === "number" && Number.isSafeInteger(value) ? `${value}` : value;
  if (typeof text !== "string" || !MACHINE_ID.test(text))
    throw denied(`the token's claim ${machineIdClaim} names no machine: it is no text of 1 to 128 visible characters`);
  const machineId = `oidc:${issuer}#${text}`;
  if (machineId.length > MAXIMUM_MACHINE_ID) throw denied("issuer and machine have names that are too long together");
  return machineId;
}
