import { CelError } from "../../../shared/cel/cel-error.ts";
import type { CelInput } from "../../../shared/cel/cel-values.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import { compileExpression } from "./claim-expressions.ts";
import { type Claims, ClaimsError, claimOf, textOf, textsOf } from "./claims.ts";
import type { JwtSettings } from "./jwt-settings.ts";

type Mappings = JwtSettings["claimMappings"];
type MappingSettings = Pick<JwtSettings, "claimMappings" | "claimValidationRules" | "userValidationRules">;
type Reader<Value> = (claims: Claims) => Value;

/** Names that mean something here. An issuer outside does not get to use them unless its prefix says so. */
const RESERVED = ["system:", "gatehouse:"];

/**
 * How an issuer's claims name users, with its expressions compiled once.
 *
 * Stricter than Kubernetes in two points: an empty name is refused, and so are users and groups of `system:…` and
 * `gatehouse:…`, unless the configured prefix begins so. An expression has no prefix, so that it never makes such names.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go.
 *
 * @returns who the claims name, after every rule; it throws {@link ClaimsError}.
 * @throws {CelError} when an expression cannot be used.
 */
export function userReader({
  claimMappings,
  claimValidationRules,
  userValidationRules,
}: MappingSettings): Reader<UserInfo> {
  const username = usernameReader(claimMappings.username);
  const groups = claimMappings.groups === undefined ? () => [] : groupsReader(claimMappings.groups);
  const uid = claimMappings.uid === undefined ? () => "" : uidReader(claimMappings.uid);
  const extra = claimMappings.extra.map((entry) => ({ key: entry.key, read: extraReader(entry) }));
  const claimRules = claimValidationRules.map(claimRule);
  const userRules = userValidationRules.map(userRule);
  return answering((claims) => {
    for (const check of claimRules) check(claims);
    const user = {
      username: username(claims),
      uid: uid(claims),
      groups: groups(claims),
      extra: Object.fromEntries(
        extra.map(({ key, read }) => [key, read(claims)] as const).filter(([, { length }]) => length > 0),
      ),
    };
    for (const check of userRules) check(user);
    return withAuthenticatedGroup(user);
  });
}

function usernameReader({ claim, prefix = "", expression }: Mappings["username"]): Reader<string> {
  if (expression !== undefined) {
    const program = compileExpression(expression, "claims", "string", "claimMappings.username.expression");
    return (claims) => unreserved("", named(program.evaluate(bound(claims)), "the answer of username.expression"));
  }
  return (claims) => {
    const name = named(textOf(claims, claim ?? ""), `the claim ${claim}`);
    // OpenID Connect Core section 5.1: an address that was not verified may be anybody's.
    if (claim === "email" && Object.hasOwn(claims, "email_verified") && claims["email_verified"] !== true) {
      throw new ClaimsError("the e-mail address is not verified");
    }
    return unreserved(prefix, name);
  };
}

function named(name: string, what: string): string {
  if (name === "") throw new ClaimsError(`${what} is empty`);
  return name;
}

function groupsReader({
  claim = "",
  prefix = "",
  expression,
}: NonNullable<Mappings["groups"]>): Reader<readonly string[]> {
  const read =
    expression === undefined
      ? (claims: Claims) => textsOf(claims, claim)
      : textsReader(expression, "claimMappings.groups.expression");
  return (claims) => read(claims).map((group) => unreserved(prefix, group));
}

function uidReader({ claim = "", expression }: NonNullable<Mappings["uid"]>): Reader<string> {
  if (expression === undefined) return (claims) => textOf(claims, claim);
  const program = compileExpression(expression, "claims", "string", "claimMappings.uid.expression");
  return (claims) => program.evaluate(bound(claims));
}

function extraReader({ key, claim = "", valueExpression }: Mappings["extra"][number]): Reader<readonly string[]> {
  if (valueExpression === undefined) return (claims) => textsOf(claims, claim);
  return textsReader(valueExpression, `claimMappings.extra[${key}].valueExpression`);
}

/** One text or a list of them. Empty texts and null count as absent, as in Kubernetes. */
function textsReader(expression: string, where: string): Reader<readonly string[]> {
  const program = compileExpression(expression, "claims", "string or list<string> or null", where);
  return (claims) => [program.evaluate(bound(claims)) ?? []].flat().filter((text) => text !== "");
}

type Rule<Subject> = (subject: Subject) => void;

function claimRule(rule: JwtSettings["claimValidationRules"][number]): Rule<Claims> {
  const { claim, requiredValue, expression, message } = rule;
  if (expression === undefined) {
    return (claims) => {
      if (claimOf(claims, claim ?? "") !== requiredValue) {
        throw new ClaimsError(`the claim ${claim} has not the required value`);
      }
    };
  }
  const program = compileExpression(expression, "claims", "bool", "claimValidationRules[].expression");
  return (claims) => demand(program.evaluate(bound(claims)), expression, message);
}

function userRule({ expression, message }: JwtSettings["userValidationRules"][number]): Rule<UserInfo> {
  const program = compileExpression(expression, "user", "bool", "userValidationRules[].expression");
  return ({ username, uid, groups, extra }) =>
    demand(program.evaluate({ user: { username, uid, groups, extra } }), expression, message);
}

function demand(isMet: boolean, expression: string, message = "no message"): void {
  if (!isMet) throw new ClaimsError(`the rule ${JSON.stringify(expression)} is not met: ${message}`);
}

function bound(claims: Claims): { readonly claims: CelInput } {
  // They come from JSON, and what does not is refused when it is bound.
  return { claims: claims as CelInput };
}

/** An expression without an answer says nothing about the caller; for us, the claims name nobody. */
function answering(read: Reader<UserInfo>): Reader<UserInfo> {
  return (claims) => {
    try {
      return read(claims);
    } catch (error) {
      if (error instanceof CelError) throw new ClaimsError(error.message, { cause: error });
      throw error;
    }
  };
}

function unreserved(prefix: string, name: string): string {
  const full = prefix + name;
  if (RESERVED.some((start) => full.startsWith(start) && !prefix.startsWith(start))) {
    throw new ClaimsError(`${JSON.stringify(full)} is a reserved name`);
  }
  return full;
}
