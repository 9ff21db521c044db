import type { Clock } from "../../shared/clock.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import type { Authorizer } from "../domain/authorization.ts";
import {
  readTokenSecret,
  SECRETS,
  type Secret,
  type SecretContent,
  TOKEN_SECRET_TYPE,
  tokenIdIn,
} from "../domain/bootstrap-token-secret.ts";
import type { DraftMeta } from "../domain/draft.ts";
import { type FieldError, forbiddenField } from "../domain/field-error.ts";
import { validateMeta } from "../domain/object-meta-rules.ts";
import type { ObjectReader, ObjectStore, RemovalPreconditions } from "../domain/ports.ts";
import { resourceErrors } from "../domain/resource-errors.ts";
import type { ObjectDraft, Registry, Removal, WriteOptions } from "../registry/contract.ts";
import { createRegistry } from "../registry/registry.ts";
import { changedToken, metadataProblems, NODE_ANNOTATION, secretRules } from "./secret-changes.ts";
import { secretOf, secretReader } from "./secret-reader.ts";
import type { TokenAdministration } from "./token-administration.ts";
import type { TokenFeed } from "./token-feed.ts";

/** Bootstrap tokens as the Secrets that kubeadm and kubectl manage them by. */
export interface BootstrapSecrets {
  readonly reader: ObjectReader<Secret>;
  /** @throws {StatusError} Forbidden for other Secrets; Invalid; AlreadyExists. */
  create(requester: UserInfo, draft: ObjectDraft<SecretContent>, options: WriteOptions): Promise<Secret>;
  /** Changes what of a token may change: not its id, its secret, its node. Throws as `Registry.update`. */
  readonly update: Registry<Secret, SecretContent>["update"];
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
  /** Of the same tokens. */
  readonly feed: TokenFeed;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
}

const errors = resourceErrors(SECRETS);

/**
 * Every token is a Secret and every Secret a token: there is one store, and what /v1 makes is here as well.
 *
 * Source: kubernetes cmd/kubeadm/app/apis/bootstraptoken/v1/utils.go (what kubeadm writes and reads).
 */
export function createBootstrapSecrets(deps: BootstrapSecretsDependencies): BootstrapSecrets {
  const { tokens, clock } = deps;
  const reader = secretReader(deps);
  return {
    reader,
    update: changesOf(deps, reader),
    async create({ username }, { metadata, content }, { dryRun }) {
      const { name } = metadata;
      if (content.type !== TOKEN_SECRET_TYPE) {
        throw errors.forbidden(name, `the only Secrets here are bootstrap tokens, of type ${TOKEN_SECRET_TYPE}`);
      }
      const { token, problems } = readTokenSecret(name, content, clock.now());
      const own = [...metadataProblems(metadata), ...nodeProblems(metadata), ...signingProblems(token.usages, tokens)];
      const all = [...validateMeta(metadata), ...problems, ...own];
      if (all.length > 0) throw errors.invalid(name, all);
      if ((await reader.get(name)) !== undefined) throw errors.alreadyExists(name);
      const { labels, annotations } = metadata;
      const given = { ...token, labels, annotations };
      if (!dryRun) return secretOf(await tokens.adopt(given, username), tokens.secretOf(token.id));
      const { groups, ...rest } = given;
      const record = { ...rest, extraGroups: groups, nodeName: undefined, createdAt: clock.now(), createdBy: username };
      const rehearsed = secretOf(record, token.usages.includes("signing") ? token.secret : undefined);
      return { ...rehearsed, metadata: { ...rehearsed.metadata, resourceVersion: "" } };
    },
    async remove({ username }, name, preconditions, { dryRun }) {
      const object = await reader.get(name);
      if (object === undefined) throw errors.notFound(name);
      requirePreconditions(object, preconditions);
      const isGone = !dryRun && !(await tokens.remove(tokenIdIn(name) ?? "", username));
      if (isGone) throw errors.notFound(name);
      return { object, removed: true };
    },
  };
}

/** Everything that registering a change needs of a store; tokens are made and removed by other ways. */
function changesOf(
  { tokens, clock, authorizer }: BootstrapSecretsDependencies,
  reader: ObjectReader<Secret>,
): BootstrapSecrets["update"] {
  const notThisWay = (): never => {
    throw new Error("bootstrap tokens are not made or removed by changing them");
  };
  const store: ObjectStore<Secret> = {
    ...reader,
    async update(object, actor) {
      const { name, resourceVersion } = object.metadata;
      const token = (await tokens.list()).find(({ id }) => id === tokenIdIn(name));
      if (token === undefined) throw errors.notFound(name);
      await tokens.change(changedToken(token, object, clock.now()), Number(resourceVersion), actor);
      const changed = await reader.get(name);
      if (changed === undefined) throw errors.notFound(name);
      return changed;
    },
    ...{ create: notThisWay, remove: notThisWay },
  };
  const rules = secretRules({ tokens, now: () => clock.now() });
  const registry = createRegistry({ rules, store, authorizer, clock, newUid: notThisWay, newNameSuffix: notThisWay });
  return (requester, name, change, options) => registry.update(requester, name, change, options);
}

/** A token for one node is made by Gatehouse's own command alone. */
function nodeProblems({ annotations }: DraftMeta): FieldError[] {
  if (!Object.hasOwn(annotations, NODE_ANNOTATION)) return [];
  return [
    forbiddenField(`metadata.annotations[${NODE_ANNOTATION}]`, "gatehouse token create --node makes such tokens"),
  ];
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
