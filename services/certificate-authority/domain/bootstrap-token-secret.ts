import type { ApiObject, ResourceName } from "./api-object.ts";
import {
  BOOTSTRAP_GROUP,
  MAX_TOKEN_DESCRIPTION,
  MAX_TOKEN_GROUPS,
  TOKEN_ID,
  TOKEN_SECRET,
  type TokenUsage,
} from "./bootstrap-token.ts";
import { type FieldError, forbiddenField, invalidField, requiredField, unsupportedField } from "./field-error.ts";

export const SECRETS: ResourceName = { group: "", kind: "Secret", resource: "secrets" };
/** The only namespace with Secrets, and their only type. Source: kubernetes cluster-bootstrap/token/api/types.go. */
export const TOKEN_NAMESPACE = "kube-system";
export const TOKEN_SECRET_TYPE = "bootstrap.kubernetes.io/token";
const NAME_PREFIX = "bootstrap-token-";

export interface SecretContent {
  /** Values in canonical base64. */
  readonly data: Readonly<Record<string, string>>;
  readonly type: string;
}

/** Source: kubernetes staging/src/k8s.io/api/core/v1/types.go. */
export interface Secret extends ApiObject, SecretContent {}

/** A token whose secret its maker chose, as kubeadm does. */
export interface GivenToken {
  readonly id: string;
  readonly secret: string;
  readonly description: string;
  /** Undefined = never. */
  readonly expiresAt: Date | undefined;
  readonly groups: readonly string[];
  readonly usages: readonly TokenUsage[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Names of the values in `data`. Source: kubernetes cluster-bootstrap/token/api/types.go. */
export const TOKEN_DATA = {
  id: "token-id",
  secret: "token-secret",
  expiration: "expiration",
  description: "description",
  groups: "auth-extra-groups",
} as const;

/**
 * Stands where a secret would, of tokens whose secret is not kept: `kubeadm token list` passes over a Secret without one, and
 * complains. It has the form of a secret and can never be one.
 */
export const UNSHOWN_SECRET = "secretisnotshown";

const USAGES: Readonly<Record<string, TokenUsage>> = {
  "usage-bootstrap-authentication": "authentication",
  "usage-bootstrap-signing": "signing",
};
const KNOWN_KEYS: readonly string[] = [...Object.values(TOKEN_DATA), ...Object.keys(USAGES)];
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

export function tokenSecretName(id: string): string {
  return NAME_PREFIX + id;
}

/** @returns undefined when a Secret of that name cannot be one of a token. */
export function tokenIdIn(name: string): string | undefined {
  const id = name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : "";
  return TOKEN_ID.test(id) ? id : undefined;
}

/** The key in `data` that says whether the token may be used so. */
export function usageKeys(): readonly (readonly [string, TokenUsage])[] {
  return Object.entries(USAGES);
}

/**
 * Reads the token that a Secret describes. Kubernetes stores what is wrong and ignores it later; here it is refused.
 * No message repeats the secret.
 *
 * @returns the token, or every rule that the Secret breaks.
 */
export function readTokenSecret(
  name: string,
  { data }: SecretContent,
  now: Date,
): { readonly token: GivenToken; readonly problems: readonly FieldError[] } {
  const values = Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
  const { [TOKEN_DATA.id]: id = "", [TOKEN_DATA.secret]: secret = "", [TOKEN_DATA.expiration]: expiration } = values;
  const { [TOKEN_DATA.description]: description = "", [TOKEN_DATA.groups]: groupList = "" } = values;
  const groups = groupList === "" ? [] : groupList.split(",");
  const usages = usageKeys().flatMap(([key, usage]) => (values[key] === "true" ? [usage] : []));
  const expiresAt = expiration === undefined ? undefined : new Date(expiration);
  const problems = [
    ...nameProblems(name, id),
    ...secretProblems(secret),
    ...expirationProblems(expiration, now),
    ...usageProblems(values),
    ...groupProblems(groups),
    ...(description.length > MAX_TOKEN_DESCRIPTION
      ? [forbiddenField(fieldOf(TOKEN_DATA.description), `at most ${MAX_TOKEN_DESCRIPTION} characters`)]
      : []),
    ...Object.keys(values)
      .filter((key) => !KNOWN_KEYS.includes(key))
      .map((key) => unsupportedField("data", key, KNOWN_KEYS)),
  ];
  return { token: { id, secret, description, expiresAt, groups: [...new Set(groups)].sort(), usages }, problems };
}

function fieldOf(key: string): string {
  return `data[${key}]`;
}

function nameProblems(name: string, id: string): FieldError[] {
  const field = fieldOf(TOKEN_DATA.id);
  if (id === "") return [requiredField(field, "six characters of a-z and 0-9")];
  if (!TOKEN_ID.test(id)) return [invalidField(field, id, "must be six characters of a-z and 0-9")];
  if (name === tokenSecretName(id)) return [];
  return [invalidField("metadata.name", name, `must be ${tokenSecretName(id)}, after the token's id`)];
}

function secretProblems(secret: string): FieldError[] {
  const field = fieldOf(TOKEN_DATA.secret);
  if (secret === "") return [requiredField(field, "sixteen characters of a-z and 0-9")];
  const message = "Invalid value: must be sixteen characters of a-z and 0-9";
  if (!TOKEN_SECRET.test(secret)) return [{ reason: "FieldValueInvalid", field, message }];
  if (secret !== UNSHOWN_SECRET) return [];
  return [forbiddenField(field, "this stands for a secret that is not shown, and everybody knows it; choose another")];
}

function expirationProblems(expiration: string | undefined, now: Date): FieldError[] {
  if (expiration === undefined) return [];
  const field = fieldOf(TOKEN_DATA.expiration);
  const milliseconds = RFC3339.test(expiration) ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(milliseconds)) return [invalidField(field, expiration, "must be an RFC 3339 time")];
  return milliseconds > now.getTime() ? [] : [invalidField(field, expiration, "must be in the future")];
}

function usageProblems(values: Readonly<Record<string, string>>): FieldError[] {
  return usageKeys().flatMap(([key]) => {
    const value = values[key] ?? "false";
    return value === "true" || value === "false" ? [] : [unsupportedField(fieldOf(key), value, ["true", "false"])];
  });
}

function groupProblems(groups: readonly string[]): FieldError[] {
  const field = fieldOf(TOKEN_DATA.groups);
  if (groups.length > MAX_TOKEN_GROUPS) return [forbiddenField(field, `at most ${MAX_TOKEN_GROUPS} groups`)];
  return groups
    .filter((group) => !BOOTSTRAP_GROUP.test(group))
    .map((group) => invalidField(field, group, "must be like system:bootstrappers:<name>"));
}
