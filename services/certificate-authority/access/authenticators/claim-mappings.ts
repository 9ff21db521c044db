import type { UserInfo } from "../../../shared/user-info.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import type { JwtSettings } from "./jwt-settings.ts";

/** Claims that name no user; the message is for the log. */
export class ClaimsError extends Error {
  override readonly name = "ClaimsError";
}

type Claims = Readonly<Record<string, unknown>>;
type Mappings = JwtSettings["claimMappings"];

/** Names that mean something here. An issuer outside does not get to use them unless its prefix says so. */
const RESERVED = ["system:", "gatehouse:"];

/**
 * The user that an issuer's claims name.
 *
 * Stricter than Kubernetes in two points: an empty name is refused, and so are users and groups of `system:…` and
 * `gatehouse:…`, unless the configured prefix begins so. There is no userValidationRules expression to refuse them with.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go.
 *
 * @throws {ClaimsError}
 */
export function userOfClaims(
  claims: Claims,
  { claimMappings: mappings, claimValidationRules: rules }: Pick<JwtSettings, "claimMappings" | "claimValidationRules">,
): UserInfo {
  for (const { claim, requiredValue } of rules) {
    if (claimOf(claims, claim) !== requiredValue)
      throw new ClaimsError(`the claim ${claim} has not the required value`);
  }
  return withAuthenticatedGroup({
    username: usernameOf(claims, mappings.username),
    uid: mappings.uid === undefined ? "" : textOf(claims, mappings.uid.claim),
    groups: groupsOf(claims, mappings.groups),
    extra: Object.fromEntries(
      mappings.extra
        .map(({ key, claim }) => [key, textsOf(claims, claim)] as const)
        .filter(([, { length }]) => length > 0),
    ),
  });
}

function usernameOf(claims: Claims, { claim, prefix }: Mappings["username"]): string {
  const name = textOf(claims, claim);
  if (name === "") throw new ClaimsError(`the claim ${claim} is empty`);
  // OpenID Connect Core section 5.1: an address that was not verified may be anybody's.
  if (claim === "email" && Object.hasOwn(claims, "email_verified") && claims["email_verified"] !== true) {
    throw new ClaimsError("the e-mail address is not verified");
  }
  return unreserved(prefix, name);
}

function groupsOf(claims: Claims, mapping: Mappings["groups"]): readonly string[] {
  if (mapping === undefined) return [];
  return textsOf(claims, mapping.claim).map((group) => unreserved(mapping.prefix, group));
}

function unreserved(prefix: string, name: string): string {
  const full = prefix + name;
  if (RESERVED.some((start) => full.startsWith(start) && !prefix.startsWith(start))) {
    throw new ClaimsError(`${JSON.stringify(full)} is a reserved name`);
  }
  return full;
}

/** Only claims that the token holds itself count, not what every object inherits. */
function claimOf(claims: Claims, claim: string): unknown {
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined;
}

function textOf(claims: Claims, claim: string): string {
  const value = claimOf(claims, claim);
  if (typeof value !== "string") throw new ClaimsError(`the claim ${claim} is missing or no string`);
  return value;
}

/** One string or a list of them; none when the claim is missing. */
function textsOf(claims: Claims, claim: string): readonly string[] {
  const value = claimOf(claims, claim);
  if (value === undefined) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => {
    if (typeof each !== "string") throw new ClaimsError(`the claim ${claim} is neither a string nor a list of strings`);
    return each;
  });
}
