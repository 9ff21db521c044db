import { resourceErrors } from "../domain/resource-errors.ts";
import { auditPayload, contentHash } from "./audit-chain.ts";
import type { AuditWrites } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { CreateObject, ObjectOperation, RemoveObject, Revised, UpdateObject } from "./operations.ts";
import { tooManyObjectsStored } from "./refusals.ts";
import { changesWriter } from "./tables/changes-table.ts";
import { type ObjectRow, objectsWriter } from "./tables/objects-table.ts";

/** Plain objects of all kinds together; they are kept in memory. */
const MAXIMUM_OBJECTS = 20_000;

/** What an audit entry says about the object it vouches for (`details.content`). */
export function objectContent(key: string, uid: string, object: string): string {
  return contentHash([key, uid, object]);
}

/**
 * Writes to plain objects, each with its change and its audit entry, inside the caller's transaction.
 *
 * @param nextRevision - takes the next revision of the one counter.
 */
export function objectWrites(connection: Connection, audit: AuditWrites, nextRevision: () => number) {
  const objects = objectsWriter(connection);
  const log = changesWriter(connection);

  function record(operation: ObjectOperation, what: string, uid: string, revision: number, object?: string): number {
    const { actor, atMilliseconds, names, name, key } = operation;
    const content = object === undefined ? {} : { content: objectContent(key, uid, object) };
    const details = { ...content, resource: names.resource, revision, uid };
    const kind = `${names.kind.toLowerCase()}.${what}`;
    return audit.append(auditPayload({ at: new Date(atMilliseconds), actor, kind, subject: name, details }));
  }

  return {
    create(operation: CreateObject): { readonly revision: number } {
      const { key, uid, object, atMilliseconds, names, name } = operation;
      if (objects.byKey(key) !== undefined) throw resourceErrors(names).alreadyExists(name);
      if (objects.count() >= MAXIMUM_OBJECTS) throw tooManyObjectsStored(MAXIMUM_OBJECTS);
      const revision = nextRevision();
      log.append({ revision, type: "ADDED", name: key, atMilliseconds, object, previousRevision: null });
      objects.insert({ key, uid, revision }, record(operation, "created", uid, revision, object));
      return { revision };
    },

    update(operation: UpdateObject): Revised {
      const { key, object, atMilliseconds } = operation;
      const { uid, revision: previousRevision } = requireCurrent(objects.byKey(key), operation);
      const revision = nextRevision();
      log.append({ revision, type: "MODIFIED", name: key, atMilliseconds, object, previousRevision });
      objects.update(key, revision, record(operation, "updated", uid, revision, object));
      return { revision, previousRevision };
    },

    remove(operation: RemoveObject): Revised {
      const { key, atMilliseconds } = operation;
      const { uid, revision: previousRevision } = requireCurrent(objects.byKey(key), operation);
      const revision = nextRevision();
      log.appendDeletion(revision, atMilliseconds, previousRevision);
      objects.remove(key);
      record(operation, "deleted", uid, revision);
      return { revision, previousRevision };
    },
  };
}

function requireCurrent(current: ObjectRow | undefined, expected: UpdateObject | RemoveObject): ObjectRow {
  const { names, name, uid, resourceVersion } = expected;
  const errors = resourceErrors(names);
  if (current === undefined) throw errors.notFound(name);
  if (uid !== undefined && uid !== current.uid) {
    throw errors.conflict(name, `its uid is ${current.uid}, not ${uid}: it was deleted and made anew`);
  }
  if (resourceVersion !== undefined && resourceVersion !== String(current.revision)) throw errors.stale(name);
  return current;
}
