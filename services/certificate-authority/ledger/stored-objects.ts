import type { Clock } from "../../shared/clock.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { ApiObject, ResourceName } from "../domain/api-object.ts";
import type { Change, ObjectStore } from "../domain/ports.ts";
import { resourceErrors } from "../domain/resource-errors.ts";
import type { BatchWriter } from "./batch-writer.ts";
import type { ChangeHub } from "./change-hub.ts";
import type { Connection } from "./connection.ts";
import { fromStoredJson, toStoredJson, withRevision } from "./stored-object.ts";
import { objectsReader } from "./tables/objects-table.ts";

export interface StoredObjectsDependencies {
  readonly reader: Connection;
  readonly writer: BatchWriter;
  readonly hub: ChangeHub;
  readonly clock: Clock;
}

/** As etcd's limit, roughly: what is larger is no object that somebody wrote. */
const MAXIMUM_OBJECT_BYTES = 1024 * 1024;
const REMOVAL_BYTES = 256;

/**
 * The plain objects of one kind. There are few, so all of them are in memory: only this process writes the ledger, and
 * memory follows each commit before anybody hears of it.
 */
export function storedObjects<T extends ApiObject>(
  names: ResourceName,
  { reader, writer, hub, clock }: StoredObjectsDependencies,
): ObjectStore<T> {
  const prefix = `${names.resource}.${names.group}/`;
  const scope = { kind: names.kind, prefix };
  const rows = objectsReader(reader).withPrefix(prefix);
  const known = new Map(rows.map(({ key, object, revision }) => [nameIn(key), fromStoredJson<T>(object, revision)]));
  let inOrder: readonly T[] | undefined;
  const operationOn = (name: string, actor: string) => {
    return { names, name, key: prefix + name, actor, atMilliseconds: clock.now().getTime() };
  };

  function nameIn(key: string): string {
    return key.slice(prefix.length);
  }

  function keep(object: T): T {
    known.set(object.metadata.name, object);
    inOrder = undefined;
    return object;
  }

  function previousOf(name: string): T {
    const previous = known.get(name);
    if (previous === undefined) throw resourceErrors(names).notFound(name);
    return previous;
  }

  function jsonOf(object: T): string {
    const json = toStoredJson(object);
    if (json.length <= MAXIMUM_OBJECT_BYTES) return json;
    throw new StatusError("RequestEntityTooLarge", `an object may have at most ${MAXIMUM_OBJECT_BYTES} octets`);
  }

  return {
    get: async (name) => known.get(name),
    async list({ name } = {}) {
      inOrder ??= [...known.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      const one = name === undefined ? undefined : known.get(name);
      return { items: name === undefined ? inOrder : one === undefined ? [] : [one], revision: hub.revision() };
    },
    revision: () => hub.revision(),
    compactedRevision: () => hub.compactedRevision(),
    subscribe: (afterRevision, { name }, onChanges, onError) =>
      hub.subscribe(afterRevision, name, onChanges as (changes: readonly Change<ApiObject>[]) => void, onError, scope),

    async create(object, actor) {
      const { name, uid } = object.metadata;
      const json = jsonOf(object);
      const operation = { kind: "createObject", ...operationOn(name, actor), uid, object: json } as const;
      return writer.submit(operation, json.length, ({ revision }) => {
        const stored = keep(withRevision(object, String(revision)));
        hub.append({ type: "ADDED", revision, object: stored, previous: undefined }, json.length);
        return stored;
      });
    },

    async update(object, actor) {
      const { name, uid, resourceVersion } = object.metadata;
      const json = jsonOf(object);
      const expected = { uid, resourceVersion };
      const operation = { kind: "updateObject", ...operationOn(name, actor), ...expected, object: json } as const;
      return writer.submit(operation, json.length, ({ revision }) => {
        const previous = previousOf(name);
        const stored = keep(withRevision(object, String(revision)));
        hub.append({ type: "MODIFIED", revision, object: stored, previous }, json.length);
        return stored;
      });
    },

    async remove(name, { uid, resourceVersion }, actor) {
      const operation = { kind: "removeObject", ...operationOn(name, actor), uid, resourceVersion } as const;
      return writer.submit(operation, REMOVAL_BYTES, ({ revision }) => {
        const previous = previousOf(name);
        const last = withRevision(previous, String(revision));
        known.delete(name);
        inOrder = undefined;
        hub.append({ type: "DELETED", revision, object: last, previous }, REMOVAL_BYTES);
        return last;
      });
    },
  };
}
