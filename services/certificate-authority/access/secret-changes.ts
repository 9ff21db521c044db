import type { BootstrapTokenRecord } from "../domain/bootstrap-token.ts";
import {
  readTokenSecret,
  SECRETS,
  type Secret,
  type SecretContent,
  TOKEN_DATA,
  tokenIdIn,
} from "../domain/bootstrap-token-secret.ts";
import { type FieldError, forbiddenField, invalidField } from "../domain/field-error.ts";
import { isSameValue } from "../domain/same-value.ts";
import type { ObjectRules } from "../registry/contract.ts";
import type { TokenAdministration } from "./token-administration.ts";

/** On the Secret of a token that may ask for one node only. */
export const NODE_ANNOTATION = "gatehouse.dev/node-name";
/** What `kubectl apply` keeps: everything that was sent, the secret included. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Has the form of a secret; stands in where only the rest is judged. */
const ANY_SECRET = "0".repeat(16);

export interface SecretChangeDependencies {
  readonly tokens: Pick<TokenAdministration, "isSecretOf">;
  readonly now: () => Date;
}

/**
 * What a bootstrap token's Secret may become: everything in `data` but the id and the secret, and labels and annotations.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateSecretUpdate: the type stays).
 */
export function secretRules({ tokens, now }: SecretChangeDependencies): ObjectRules<Secret, SecretContent> {
  return {
    names: SECRETS,
    createsOnUpdate: false,
    build: (metadata, { data, type }) => ({ apiVersion: "v1", kind: SECRETS.kind, metadata, data, type }),
    validate: ({ metadata }) => metadataProblems(metadata),
    validateChange: (before, after) => [
      ...(after.type === before.type ? [] : [invalidField("type", after.type, "field is immutable")]),
      ...nodeProblems(before, after),
      ...secretProblems(before, after, tokens),
      ...usageProblems(before, after),
      ...contentProblems(before, after, now()),
    ],
    admit: async () => undefined,
    admitRemoval: () => undefined,
  };
}

/** The token as its Secret has it after a change that `secretRules` let through. */
export function changedToken(token: BootstrapTokenRecord, secret: Secret, now: Date): BootstrapTokenRecord {
  const { description, expiresAt, groups, usages } = readTokenSecret(
    secret.metadata.name,
    withAnySecret(secret),
    now,
  ).token;
  const { [NODE_ANNOTATION]: _node, ...annotations } = secret.metadata.annotations ?? {};
  return {
    ...token,
    description,
    expiresAt,
    extraGroups: groups,
    usages,
    labels: secret.metadata.labels ?? {},
    annotations,
  };
}

/** Tokens have no place for some metadata, and silently losing them would be worse than saying so. */
export function metadataProblems({
  annotations = {},
  finalizers = [],
  ownerReferences = [],
}: Partial<Pick<Secret["metadata"], "annotations" | "finalizers" | "ownerReferences">>): FieldError[] {
  const refused = Object.entries({ finalizers, ownerReferences }).filter(([, { length }]) => length > 0);
  return [
    ...refused.map(([field]) => forbiddenField(`metadata.${field}`, "bootstrap tokens have none here")),
    ...(Object.hasOwn(annotations, LAST_APPLIED)
      ? [
          forbiddenField(
            `metadata.annotations[${LAST_APPLIED}]`,
            "it would keep the token's secret readable: use kubectl create, patch or edit in place of kubectl apply",
          ),
        ]
      : []),
  ];
}

/** A token is made for a node, and not moved to another. */
function nodeProblems(before: Secret, after: Secret): FieldError[] {
  const node = ({ metadata }: Secret): string | undefined => metadata.annotations?.[NODE_ANNOTATION];
  if (node(before) === node(after)) return [];
  return [
    forbiddenField(`metadata.annotations[${NODE_ANNOTATION}]`, "a token keeps its node: gatehouse token create --node"),
  ];
}

function secretProblems(before: Secret, after: Secret, tokens: SecretChangeDependencies["tokens"]): FieldError[] {
  const given = after.data[TOKEN_DATA.secret];
  if (given !== undefined && given === before.data[TOKEN_DATA.secret]) return [];
  const id = tokenIdIn(before.metadata.name) ?? "";
  if (given !== undefined && tokens.isSecretOf(id, Buffer.from(given, "base64").toString("utf8"))) return [];
  const way = "leave what is shown as it is, or delete the token and create another";
  return [forbiddenField(`data[${TOKEN_DATA.secret}]`, `a token's secret cannot be changed: ${way}`)];
}

/** Only a token that was made to sign has a secret to sign with. */
function usageProblems(before: Secret, after: Secret): FieldError[] {
  const key = "usage-bootstrap-signing";
  const isOn = ({ data }: Secret): boolean => Buffer.from(data[key] ?? "", "base64").toString("utf8") === "true";
  if (isOn(before) || !isOn(after)) return [];
  return [forbiddenField(`data[${key}]`, "its secret was not kept, so it cannot sign: create a token that signs")];
}

/** A token that has expired may still be described; only a new expiration has to be in the future. */
function contentProblems(before: Secret, after: Secret, now: Date): readonly FieldError[] {
  const { problems } = readTokenSecret(after.metadata.name, withAnySecret(after), now);
  const isSameExpiration = isSameValue(before.data[TOKEN_DATA.expiration], after.data[TOKEN_DATA.expiration]);
  return isSameExpiration ? problems.filter(({ field }) => field !== `data[${TOKEN_DATA.expiration}]`) : problems;
}

function withAnySecret({ type, data }: SecretContent): SecretContent {
  return { type, data: { ...data, [TOKEN_DATA.secret]: Buffer.from(ANY_SECRET).toString("base64") } };
}
