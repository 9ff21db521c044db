import type { Clock } from "../../shared/clock.ts";
import type { ApiObject } from "../domain/api-object.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CertificateRequests, Change, OutcomeRecords } from "../domain/ports.ts";
import { OURSELVES } from "./audited-writes.ts";
import type { BatchWriter } from "./batch-writer.ts";
import type { ChangeHub } from "./change-hub.ts";
import type { ChangeLog } from "./change-log.ts";
import type { Connection } from "./connection.ts";
import { type ObjectCache, revisionOf } from "./object-cache.ts";
import { fromStoredJson, stateOf, toStoredJson, withRevision } from "./stored-object.ts";
import { toCertificateRow } from "./tables/certificate-row.ts";
import { toDecisionRow } from "./tables/decisions-table.ts";
import { requestsReader } from "./tables/requests-table.ts";

export interface StoredRequestsDependencies {
  readonly reader: Connection;
  readonly writer: BatchWriter;
  readonly log: ChangeLog;
  readonly hub: ChangeHub;
  readonly cache: ObjectCache;
  /** To be told of every certificate that was committed. */
  readonly recorded: (certificate: CertificateRecord) => void;
  readonly clock: Clock;
}

/** Records that travel with an update are small beside the object; this stands for them in the queue's bound. */
const RECORDS_BYTES = 2_048;

/**
 * The objects of the ledger. Reads are answered from memory or by a read of the file; an object that was read or
 * written stays the same value until it changes, so that encoders may cache by identity.
 */
export function storedRequests(dependencies: StoredRequestsDependencies): CertificateRequests {
  const { reader, writer, log, hub, cache, recorded, clock } = dependencies;
  const table = requestsReader(reader);

  function load(name: string): CertificateSigningRequest | undefined {
    const row = table.byName(name);
    return row && cache.put(fromStoredJson(row.object, row.revision), row.object.length);
  }

  function current(name: string): CertificateSigningRequest | undefined {
    return cache.get(name) ?? load(name);
  }

  /** The cached object when it is the one of that revision, else as the file has it. */
  function at(name: string, revision: number): CertificateSigningRequest | undefined {
    const cached = cache.get(name);
    return cached && revisionOf(cached) === revision ? cached : load(name);
  }

  const listAll = reader.transaction(() => {
    const rows = table.revisions();
    const items = rows.flatMap(({ name, revision }) => at(name, revision) ?? []);
    return { items, revision: log.head() };
  });

  function listOne(name: string) {
    const item = current(name);
    // An object that was read from the file may be newer than what has been delivered so far.
    const revision = Math.max(hub.revision(), item ? revisionOf(item) : 0);
    return { items: item ? [item] : [], revision };
  }

  function previousOf(name: string, previousRevision: number, revision: number): CertificateSigningRequest {
    const cached = cache.get(name);
    if (cached && revisionOf(cached) === previousRevision) return cached;
    const logged = log.previousOf(revision);
    if (logged === undefined) throw new Error(`the change log has no entry for revision ${revision}`);
    return logged;
  }

  return {
    get: async (name) => current(name),
    list: async ({ name } = {}) => (name === undefined ? listAll() : listOne(name)),
    revision: () => hub.revision(),
    compactedRevision: () => hub.compactedRevision(),
    subscribe: (afterRevision, { name }, onChanges, onError) =>
      hub.subscribe(afterRevision, name, onChanges as (changes: readonly Change<ApiObject>[]) => void, onError),
    unfinished: async () => table.unfinished(),

    async create(csr, { next, records } = { records: {} }) {
      const { name, uid, creationTimestamp } = csr.metadata;
      const object = toStoredJson(csr);
      const following = next && { state: stateOf(next), object: toStoredJson(next) };
      const times = { createdMilliseconds: Date.parse(creationTimestamp), atMilliseconds: clock.now().getTime() };
      const identity = { name, uid, state: stateOf(csr), ...times };
      const more = { ...(following && { next: following }), ...toRows(records) };
      const operation = { kind: "createRequest", ...identity, object, ...more } as const;
      const bytes = object.length + (following ? following.object.length + RECORDS_BYTES : 0);
      return writer.submit(operation, bytes, ({ revision }) => {
        const created = cache.put(withRevision(csr, String(revision)), object.length);
        hub.append({ type: "ADDED", revision, object: created, previous: undefined }, object.length);
        if (records.certificate) recorded(records.certificate);
        if (next === undefined || following === undefined) return created;
        const current = cache.put(withRevision(next, String(revision + 1)), following.object.length);
        hub.append(
          { type: "MODIFIED", revision: revision + 1, object: current, previous: created },
          following.object.length,
        );
        return created;
      });
    },

    async update(csr, records = {}) {
      const { name, uid, resourceVersion } = csr.metadata;
      const object = toStoredJson(csr);
      const identity = { name, uid, resourceVersion, state: stateOf(csr), atMilliseconds: clock.now().getTime() };
      const operation = { kind: "updateRequest", ...identity, object, ...toRows(records) } as const;
      return writer.submit(operation, object.length + RECORDS_BYTES, ({ revision, previousRevision }) => {
        if (records.certificate) recorded(records.certificate);
        const previous = previousOf(name, previousRevision, revision);
        const stored = cache.put(withRevision(csr, String(revision)), object.length);
        hub.append({ type: "MODIFIED", revision, object: stored, previous }, object.length);
        return stored;
      });
    },

    async remove(name, { uid, resourceVersion }, removedBy = OURSELVES) {
      const atMilliseconds = clock.now().getTime();
      const expected = { name, uid, resourceVersion };
      const operation = { kind: "removeRequest", ...expected, actor: removedBy, atMilliseconds } as const;
      return writer.submit(operation, name.length, ({ revision, previousRevision }) => {
        const previous = previousOf(name, previousRevision, revision);
        const last = withRevision(previous, String(revision));
        cache.drop(name, revision);
        hub.append({ type: "DELETED", revision, object: last, previous }, RECORDS_BYTES);
        return last;
      });
    },

    async recordDecision(decision) {
      const operation = { kind: "recordDecision", decision: toDecisionRow(decision) } as const;
      await writer.submit(operation, RECORDS_BYTES, () => undefined);
    },
  };
}

/** Rows are plain data: they cross to the writer thread whatever evidence a trace carries. */
function toRows({ decision, certificate }: OutcomeRecords) {
  return {
    ...(decision && { decision: toDecisionRow(decision) }),
    ...(certificate && { certificate: toCertificateRow(certificate) }),
  };
}
