import type { Clock } from "../../shared/clock.ts";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { type BootstrapTokenRecord, hasUsage } from "../domain/bootstrap-token.ts";
import {
  readTokenSecret,
  SECRETS,
  type Secret,
  type SecretContent,
  TOKEN_DATA,
  TOKEN_NAMESPACE,
  TOKEN_SECRET_TYPE,
  tokenIdIn,
  tokenSecretName,
  UNSHOWN_SECRET,
  usageKeys,
} from "../domain/bootstrap-token-secret.ts";
import type { DraftMeta } from "../domain/draft.ts";
import { type FieldError, forbiddenField } from "../domain/field-error.ts";
import type { ObjectReader, RemovalPreconditions } from "../domain/ports.ts";
import { resourceErrors } from "../domain/resource-errors.ts";
import type { ObjectDraft, Removal, WriteOptions } from "../registry/contract.ts";
import { derivedUid } from "./derived-uid.ts";
import type { TokenAdministration } from "./token-administration.ts";

/** Bootstrap tokens as the Secrets that kubeadm and kubectl manage them by. A token never changes. */
export interface BootstrapSecrets {
  readonly reader: ObjectReader<Secret>;
  /** @throws {StatusError} Forbidden for other Secrets; Invalid; AlreadyExists. */
  create(requester: UserInfo, draft: ObjectDraft<SecretContent>, options: WriteOptions): Promise<Secret>;
  /** @throws {StatusError} NotFound, or Conflict when a precondition does not hold. */
  remove(
    requester: UserInfo,
    name: string,
    preconditions: RemovalPreconditions,
    options: WriteOptions,
  ): Promise<Removal<Secret>>;
}

export interface BootstrapSecretsDependencies {
  readonly tokens: TokenAdministration;
  readonly clock: Clock;
}

const NODE_ANNOTATION = "gatehouse.dev/node-name";
const errors = resourceErrors(SECRETS);

/**
 * Every token is a Secret and every Secret a token: there is one store, and what /v1 makes is here as well.
 *
 * Source: kubernetes cmd/kubeadm/app/apis/bootstraptoken/v1/utils.go (what kubeadm writes and reads).
 */
export function createBootstrapSecrets({ tokens, clock }: BootstrapSecretsDependencies): BootstrapSecrets {
  async function get(name: string): Promise<Secret | undefined> {
    const id = tokenIdIn(name);
    const record = id === undefined ? undefined : (await tokens.list()).find((token) => token.id === id);
    return record && secretOf(record, tokens.secretOf(record.id));
  }
  return {
    reader: tokenReader(tokens, clock, get),
    async create({ username }, { metadata, content }, { dryRun }) {
      const { name } = metadata;
      if (content.type !== TOKEN_SECRET_TYPE) {
        throw errors.forbidden(name, `the only Secrets here are bootstrap tokens, of type ${TOKEN_SECRET_TYPE}`);
      }
      const { token, problems } = readTokenSecret(name, content, clock.now());
      const all = [...problems, ...metadataProblems(metadata), ...signingProblems(token.usages, tokens)];
      if (all.length > 0) throw errors.invalid(name, all);
      if ((await get(name)) !== undefined) throw errors.alreadyExists(name);
      if (!dryRun) return secretOf(await tokens.adopt(token, username), tokens.secretOf(token.id));
      const { groups, ...rest } = token;
      const record = { ...rest, extraGroups: groups, nodeName: undefined, createdAt: clock.now(), createdBy: username };
      const rehearsed = secretOf(record, token.usages.includes("signing") ? token.secret : undefined);
      return { ...rehearsed, metadata: { ...rehearsed.metadata, resourceVersion: "" } };
    },
    async remove({ username }, name, preconditions, { dryRun }) {
      const object = await get(name);
      if (object === undefined) throw errors.notFound(name);
      requirePreconditions(object, preconditions);
      const isGone = !dryRun && !(await tokens.remove(tokenIdIn(name) ?? "", username));
      if (isGone) throw errors.notFound(name);
      return { object, removed: true };
    },
  };
}

/** Revisions are milliseconds since the epoch: a token's is when it was made, a list's is now. */
function tokenReader(
  tokens: TokenAdministration,
  clock: Clock,
  get: ObjectReader<Secret>["get"],
): ObjectReader<Secret> {
  const revision = (): number => clock.now().getTime();
  return {
    get,
    async list({ name } = {}) {
      const records = await tokens.list();
      const secrets = records.map((record) => secretOf(record, tokens.secretOf(record.id)));
      return {
        items: name === undefined ? secrets : secrets.filter(({ metadata }) => metadata.name === name),
        revision: revision(),
      };
    },
    revision,
    compactedRevision: revision,
    subscribe: () => {
      throw new StatusError("MethodNotAllowed", "bootstrap tokens can be listed, not watched");
    },
  };
}

/** @param secret - undefined when it was not kept. */
function secretOf(record: BootstrapTokenRecord, secret = UNSHOWN_SECRET): Secret {
  const { id, createdAt, expiresAt, description, extraGroups, nodeName } = record;
  const values: Readonly<Record<string, string | undefined>> = {
    [TOKEN_DATA.groups]: extraGroups.length > 0 ? extraGroups.join(",") : undefined,
    [TOKEN_DATA.description]: description === "" ? undefined : description,
    [TOKEN_DATA.expiration]: expiresAt && toKubernetesTime(expiresAt),
    [TOKEN_DATA.id]: id,
    [TOKEN_DATA.secret]: secret,
    ...Object.fromEntries(usageKeys().map(([key, usage]) => [key, hasUsage(record, usage) ? "true" : undefined])),
  };
  const data = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, Buffer.from(value).toString("base64")] as const],
  );
  return {
    apiVersion: "v1",
    kind: SECRETS.kind,
    metadata: {
      name: tokenSecretName(id),
      namespace: TOKEN_NAMESPACE,
      uid: uidOf(record),
      resourceVersion: String(createdAt.getTime()),
      creationTimestamp: toKubernetesTime(createdAt),
      ...(nodeName !== undefined && { annotations: { [NODE_ANNOTATION]: nodeName } }),
    },
    data: Object.fromEntries(data),
    type: TOKEN_SECRET_TYPE,
  };
}

/** The same for the same token, another for a later one of the same id. */
function uidOf({ id, createdAt }: BootstrapTokenRecord): string {
  return derivedUid(`bootstrap token ${id} ${createdAt.getTime()}`);
}

/** Tokens have no place for them, and silently losing them would be worse than saying so. */
function metadataProblems({ labels, annotations, finalizers, ownerReferences }: DraftMeta): FieldError[] {
  const given = { labels, annotations, finalizers, ownerReferences };
  return Object.entries(given)
    .filter(([, value]) => Object.keys(value).length > 0)
    .map(([field]) => forbiddenField(`metadata.${field}`, "bootstrap tokens have none here; kubectl create adds none"));
}

function signingProblems(usages: readonly string[], { keepsSigningSecrets }: TokenAdministration): FieldError[] {
  if (keepsSigningSecrets || !usages.includes("signing")) return [];
  const way =
    "leave it out (kubeadm: --usages authentication), or have the server keep it: bootstrapTokens.keepSigningSecrets in its configuration";
  return [forbiddenField("data[usage-bootstrap-signing]", `to sign, a secret has to be kept readable: ${way}`)];
}

function requirePreconditions({ metadata }: Secret, { uid, resourceVersion }: RemovalPreconditions): void {
  const { name } = metadata;
  if (uid !== undefined && uid !== metadata.uid) {
    throw errors.preconditionFailed(name, `its uid is ${metadata.uid}, not ${uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw errors.preconditionFailed(name, `its resourceVersion is ${metadata.resourceVersion}, not ${resourceVersion}`);
  }
}
