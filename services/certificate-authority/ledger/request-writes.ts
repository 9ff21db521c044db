import type { AuditWrites } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { CompactChanges, CreateRequest, RemoveRequest, Revised, UpdateRequest } from "./operations.ts";
import { requestChanged, requestExists, requestNotFound, tooManyRequestsStored } from "./refusals.ts";
import { changesReader, changesWriter } from "./tables/changes-table.ts";
import { metaTable } from "./tables/meta-table.ts";
import { type RequestRow, requestsWriter } from "./tables/requests-table.ts";

/** Rows that one compaction step looks at: few, so that it does not hold up the writes beside it. */
const COMPACTION_STEP = 500;

/** The revision of a ledger that nothing was written to: lists of it must not answer 0, which means "any". */
export const FIRST_REVISION = 1;

/**
 * Writes to the objects and their change log, inside the caller's transaction. Each checks what it requires before it
 * writes anything, so that a refusal leaves nothing behind.
 */
export function requestWrites(connection: Connection, audited: AuditWrites, maximumRequests: number) {
  const requests = requestsWriter(connection);
  const log = changesWriter(connection);
  const logReader = changesReader(connection);
  const meta = metaTable(connection);
  const compactedRevision = () => meta.get("compacted_revision") ?? FIRST_REVISION;
  const head = () => Math.max(logReader.head() ?? 0, compactedRevision());
  const readState = () => ({ revision: head(), count: requests.count() });
  let state = readState();

  function nextRevision(): number {
    const revision = state.revision + 1;
    state = { ...state, revision };
    return revision;
  }

  function appendState(name: string, atMilliseconds: number, object: string, previousRevision: number): number {
    const revision = nextRevision();
    log.append({ revision, type: "MODIFIED", name, atMilliseconds, object, previousRevision });
    return revision;
  }

  return {
    /** Takes the next revision, for whatever is to be put on the change log. */
    nextRevision,

    /** To be called after every rollback: forgets what was not kept. */
    reload() {
      state = readState();
    },

    create(operation: CreateRequest) {
      const { name, uid, object, next, atMilliseconds, createdMilliseconds, decision, certificate } = operation;
      if (requests.byName(name) !== undefined) throw requestExists(name);
      if (state.count >= maximumRequests) throw tooManyRequestsStored(maximumRequests);
      if (certificate) audited.requireNewCertificate(certificate);
      const revision = nextRevision();
      log.append({ revision, type: "ADDED", name, atMilliseconds, object, previousRevision: null });
      if (next) appendState(name, atMilliseconds, next.object, revision);
      requests.insert({ name, uid, state: (next ?? operation).state, createdMilliseconds, revision: state.revision });
      if (decision) audited.recordDecision(decision);
      if (certificate) audited.recordCertificate(certificate);
      state = { ...state, count: state.count + 1 };
      return { revision };
    },

    update(operation: UpdateRequest): Revised {
      const { name, object, atMilliseconds, decision, certificate } = operation;
      const { revision: previousRevision } = requireCurrent(requests.byName(name), operation);
      if (certificate) audited.requireNewCertificate(certificate);
      const revision = appendState(name, atMilliseconds, object, previousRevision);
      requests.update(name, operation.state, revision);
      if (decision) audited.recordDecision(decision);
      if (certificate) audited.recordCertificate(certificate);
      return { revision, previousRevision };
    },

    remove(operation: RemoveRequest): Revised {
      const { name, atMilliseconds } = operation;
      const { uid, revision: previousRevision } = requireCurrent(requests.byName(name), operation);
      const revision = nextRevision();
      log.appendDeletion(revision, atMilliseconds, previousRevision);
      requests.remove(name);
      audited.recordRemoval(operation, uid, revision, logReader.byRevision(previousRevision)?.object);
      state = { ...state, count: state.count - 1 };
      return { revision, previousRevision };
    },

    compact({ beforeMilliseconds, maximumChanges, upToRevision }: CompactChanges) {
      const start = compactedRevision();
      const surplusEnd = state.revision - maximumChanges;
      const rows = log.oldest(start, COMPACTION_STEP);
      const isKept = ({ revision, atMilliseconds }: (typeof rows)[number]) =>
        revision > upToRevision || (atMilliseconds >= beforeMilliseconds && revision > surplusEnd);
      const firstKept = rows.findIndex(isKept);
      const dropped = firstKept === -1 ? rows : rows.slice(0, firstKept);
      const last = dropped.at(-1);
      if (last === undefined) return { compactedRevision: start, isDone: true };
      log.compact(start, last.revision);
      meta.set("compacted_revision", last.revision);
      return { compactedRevision: last.revision, isDone: firstKept !== -1 || rows.length < COMPACTION_STEP };
    },
  };
}

interface Expectation {
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

function requireCurrent(current: RequestRow | undefined, expected: Expectation): RequestRow {
  const { name, uid, resourceVersion } = expected;
  if (current === undefined) throw requestNotFound(name);
  if (uid !== undefined && uid !== current.uid) {
    throw requestChanged(name, `its uid is ${current.uid}, not ${uid}: it was deleted and made anew`);
  }
  if (resourceVersion !== undefined && resourceVersion !== String(current.revision)) {
    throw requestChanged(name, "it has changed since it was read; read it again and repeat the change");
  }
  return current;
}
