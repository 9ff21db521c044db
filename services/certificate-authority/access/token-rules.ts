import { isDnsSubdomain } from "../../shared/dns-names.ts";
import { type StatusCause, StatusError } from "../../shared/status-error.ts";
import { BOOTSTRAP_GROUP, MAX_TOKEN_DESCRIPTION, MAX_TOKEN_GROUPS, TOKEN_ID } from "../domain/bootstrap-token.ts";

const MAX_TTL_SECONDS = 10 * 365 * 86_400;

/** What a new token shall be. */
export interface NewBootstrapToken {
  /** Six characters of a-z0-9; left out, a random one. */
  readonly id?: string | undefined;
  readonly description: string;
  /** Whole seconds from now; undefined = the token never expires. */
  readonly ttlSeconds: number | undefined;
  /** Groups besides `system:bootstrappers`. */
  readonly groups: readonly string[];
  /** The one node whose certificate the token may ask for; undefined for any. */
  readonly nodeName: string | undefined;
  /** Undefined = authentication. */
  readonly use?: "attestation" | undefined;
}

export function isBootstrapGroup(group: string): boolean {
  return BOOTSTRAP_GROUP.test(group);
}

/** @throws {StatusError} Invalid with one cause for every problem. */
export function requireValidToken(wanted: NewBootstrapToken): void {
  const causes = [...problemsOf(wanted)];
  if (causes.length === 0) return;
  const listed = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  throw new StatusError("Invalid", `the bootstrap token is not valid: ${listed}`, {
    details: { kind: "BootstrapToken", causes },
  });
}

function* problemsOf({
  id,
  description,
  ttlSeconds,
  groups,
  nodeName,
  use,
}: NewBootstrapToken): Generator<StatusCause> {
  if (id !== undefined && !TOKEN_ID.test(id)) yield invalid("id", "must be six characters of a-z and 0-9");
  if (description.length > MAX_TOKEN_DESCRIPTION)
    yield invalid("description", `must be at most ${MAX_TOKEN_DESCRIPTION} characters`);
  if (ttlSeconds !== undefined && !isWholeNumber(ttlSeconds, 1, MAX_TTL_SECONDS)) {
    yield invalid("ttlSeconds", `must be a whole number of seconds from 1 to ${MAX_TTL_SECONDS}`);
  }
  if (groups.length > MAX_TOKEN_GROUPS) yield invalid("groups", `must be at most ${MAX_TOKEN_GROUPS} groups`);
  for (const [index, group] of groups.entries()) {
    if (!isBootstrapGroup(group)) yield invalid(`groups[${index}]`, "must be like system:bootstrappers:<name>");
  }
  if (use === "attestation") {
    if (nodeName === undefined) yield invalid("nodeName", "is needed: a token to attest with is for one node");
    if (ttlSeconds === undefined) yield invalid("ttlSeconds", "is needed: a token to attest with expires");
    if (groups.length > 0) yield invalid("groups", "must be left out: nobody logs in with a token to attest with");
  }
  if (nodeName !== undefined && !isDnsSubdomain(nodeName)) yield invalid("nodeName", "must be a DNS-1123 subdomain");
}

function invalid(field: string, message: string): StatusCause {
  return { reason: "FieldValueInvalid", field, message };
}

function isWholeNumber(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}
