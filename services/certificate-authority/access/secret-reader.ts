import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { type BootstrapTokenRecord, hasUsage, revisionOf } from "../domain/bootstrap-token.ts";
import {
  SECRETS,
  type Secret,
  TOKEN_DATA,
  TOKEN_NAMESPACE,
  TOKEN_SECRET_TYPE,
  tokenIdIn,
  tokenSecretName,
  UNSHOWN_SECRET,
  usageKeys,
} from "../domain/bootstrap-token-secret.ts";
import type { Change, ObjectReader, StoredBootstrapToken } from "../domain/ports.ts";
import { derivedUid } from "./derived-uid.ts";
import { NODE_ANNOTATION } from "./secret-changes.ts";
import type { TokenAdministration } from "./token-administration.ts";
import type { TokenChange, TokenFeed } from "./token-feed.ts";

export interface SecretReaderDependencies {
  readonly tokens: Pick<TokenAdministration, "list" | "secretOf" | "openedSecretOf">;
  /** Of the same tokens. */
  readonly feed: TokenFeed;
}

/** Bootstrap tokens as Secrets, read and watched. */
export function secretReader({ tokens, feed }: SecretReaderDependencies): ObjectReader<Secret> {
  const shown = (stored: StoredBootstrapToken): Secret => secretOf(stored.token, tokens.openedSecretOf(stored));
  const toChange = ({ type, revision, stored, previous }: TokenChange): Change<Secret> => {
    const object = shown(stored);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    return { type, revision, object: last, previous: previous && shown(previous) };
  };
  return {
    async get(name) {
      const id = tokenIdIn(name);
      const record = id === undefined ? undefined : (await tokens.list()).find((token) => token.id === id);
      return record && secretOf(record, tokens.secretOf(record.id));
    },
    async list({ name } = {}) {
      const records = await tokens.list();
      const secrets = records.map((record) => secretOf(record, tokens.secretOf(record.id)));
      const items = name === undefined ? secrets : secrets.filter(({ metadata }) => metadata.name === name);
      return { items, revision: feed.revision() };
    },
    revision: () => feed.revision(),
    compactedRevision: () => feed.compactedRevision(),
    subscribe(afterRevision, { name }, onChanges, onError) {
      const isWanted = ({ object }: Change<Secret>): boolean => name === undefined || object.metadata.name === name;
      const deliver = (changes: readonly TokenChange[]): void => {
        const wanted = changes.map(toChange).filter(isWanted);
        if (wanted.length > 0) onChanges(wanted);
      };
      return feed.subscribe(afterRevision, deliver, onError);
    },
  };
}

/** @param secret - undefined when it was not kept. */
export function secretOf(record: BootstrapTokenRecord, secret = UNSHOWN_SECRET): Secret {
  const { id, createdAt, expiresAt, description, extraGroups, nodeName, labels = {} } = record;
  const annotations = { ...record.annotations, ...(nodeName !== undefined && { [NODE_ANNOTATION]: nodeName }) };
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
      resourceVersion: String(revisionOf(record)),
      creationTimestamp: toKubernetesTime(createdAt),
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    data: Object.fromEntries(data),
    type: TOKEN_SECRET_TYPE,
  };
}

/** The same for the same token, another for a later one of the same id. */
function uidOf({ id, createdAt }: BootstrapTokenRecord): string {
  return derivedUid(`bootstrap token ${id} ${createdAt.getTime()}`);
}
