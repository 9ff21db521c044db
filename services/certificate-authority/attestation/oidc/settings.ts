import { z } from "zod";
import { compileWholePattern } from "../../../shared/cel/cel-patterns.ts";
import { SIGNATURE_ALGORITHMS } from "../../../shared/jwt/signed-token.ts";
import { plainHttpsUrl, resolveTokenKeysPaths, tokenKeysSchema, tokenShape } from "../identity-tokens.ts";

const MAXIMUM_ENTRIES = 50;

/** A claim's name; or, where it begins with `/`, the way to one inside others (JSON Pointer, RFC 6901). */
const claim = z.string().min(1).max(256);

const pattern = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    try {
      compileWholePattern(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  });

/** Machines that have a token of an OpenID provider. */
export const oidcShape = {
  attestor: z.literal("oidc"),
  /** Exactly the tokens' `iss`. */
  issuer: plainHttpsUrl,
  /** Found by discovery where it is left out, at the issuer's own origin alone. */
  keys: tokenKeysSchema.prefault({}),
  /** What the issuer may sign with. */
  algorithms: z.array(z.enum(SIGNATURE_ALGORITHMS)).min(1).default(["RS256", "ES256"]),
  /** Claims with the only value each may have: which of the issuer's tokens are machines' of ours. */
  requiredClaims: z
    .record(claim, z.union([z.string().max(1024), z.number(), z.boolean()]))
    .refine(
      (claims) => Object.keys(claims).length > 0,
      "must name a claim: anybody with a token of this issuer could join",
    )
    .refine((claims) => Object.keys(claims).length <= MAXIMUM_ENTRIES, `must name at most ${MAXIMUM_ENTRIES} claims`),
  /** The claim that stays the same for a machine's life, and that no other machine of this issuer has. */
  machineIdClaim: claim,
  /** What claims show: their text, or the group's part of it, as a field, where the pattern (RE2) matches all of it. */
  fields: z
    .record(
      z.string().regex(/^[a-z0-9_]{1,63}$/, "must be lower-case letters, digits and _"),
      z.strictObject({ claim, pattern }),
    )
    .refine((fields) => Object.keys(fields).length <= MAXIMUM_ENTRIES, `must name at most ${MAXIMUM_ENTRIES} fields`)
    .default({}),
  ...tokenShape,
};

const schema = z.strictObject(oidcShape);
export type OidcSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveOidcPaths<T extends OidcSettings>(settings: T, resolve: (path: string) => string): T {
  return { ...settings, keys: resolveTokenKeysPaths(settings.keys, resolve) };
}
