import type { CertificateRecord } from "../../services/certificate-authority/domain/certificate.ts";
import {
  awaitsSignature,
  type CertificateSigningRequest,
  CSR_GROUP,
  CSR_RESOURCE,
  isUndecided,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { DecisionRecord } from "../../services/certificate-authority/domain/decision.ts";
import type { CertificateRequests, Change, OutcomeRecords } from "../../services/certificate-authority/domain/ports.ts";
import { StatusError, type StatusReason } from "../../services/shared/status-error.ts";

/** `CertificateRequests` in memory, with a real one's semantics and a look at what was stored. */
export interface FakeCertificateRequests extends CertificateRequests {
  readonly decisions: readonly DecisionRecord[];
  readonly certificates: readonly CertificateRecord[];
  /** Every write so far, oldest first. */
  readonly changes: readonly Change[];
  /** How often each method was called. */
  readonly calls: ReadonlyMap<string, number>;
  /** Who removed what, as `name by user`. */
  readonly removals: readonly string[];
  /** The next call of `method` throws `error` and stores nothing. */
  failNext(method: "get" | "create" | "update" | "remove" | "recordDecision", error: Error): void;
  /** Forgets all changes up to `revision`: older subscribers get Expired. */
  compact(revision: number): void;
}

interface Subscriber {
  readonly name: string | undefined;
  position: number;
  scheduled: boolean;
  closed: boolean;
  deliver(changes: readonly Change[]): void;
  fail(error: Error): void;
}

/** @param initial - objects that were there before; each counts as one write. */
export function createFakeCertificateRequests(
  initial: readonly CertificateSigningRequest[] = [],
): FakeCertificateRequests {
  const objects = new Map<string, CertificateSigningRequest>();
  const changes: Change[] = [];
  const decisions: DecisionRecord[] = [];
  const certificates: CertificateRecord[] = [];
  const calls = new Map<string, number>();
  const removals: string[] = [];
  const failures = new Map<string, Error[]>();
  const subscribers = new Set<Subscriber>();
  let revision = 0;
  let compacted = 0;

  function enter(method: string): void {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    const failure = failures.get(method)?.shift();
    if (failure) throw failure;
  }

  function write(
    type: Change["type"],
    csr: CertificateSigningRequest,
    previous: CertificateSigningRequest | undefined,
  ): CertificateSigningRequest {
    revision += 1;
    const object = { ...csr, metadata: { ...csr.metadata, resourceVersion: String(revision) } };
    if (type === "DELETED") objects.delete(csr.metadata.name);
    else objects.set(csr.metadata.name, object);
    changes.push({ type, revision, object, previous });
    for (const subscriber of subscribers) schedule(subscriber);
    return object;
  }

  function schedule(subscriber: Subscriber): void {
    if (subscriber.scheduled || subscriber.closed) return;
    subscriber.scheduled = true;
    setImmediate(() => deliverTo(subscriber));
  }

  function deliverTo(subscriber: Subscriber): void {
    subscriber.scheduled = false;
    if (subscriber.closed) return;
    if (subscriber.position < compacted) {
      subscriber.closed = true;
      subscribers.delete(subscriber);
      subscriber.fail(new StatusError("Expired", "the watch fell behind the compacted revision"));
      return;
    }
    const due = changes.filter(
      (change) =>
        change.revision > subscriber.position &&
        (subscriber.name === undefined || change.object.metadata.name === subscriber.name),
    );
    subscriber.position = revision;
    if (due.length > 0) subscriber.deliver(due);
  }

  function stored(name: string): CertificateSigningRequest {
    const csr = objects.get(name);
    if (csr === undefined) throw failure("NotFound", name);
    return csr;
  }

  function keepRecords(records: OutcomeRecords): void {
    const { decision, certificate } = records;
    if (certificate && certificates.some(({ serial }) => serial === certificate.serial)) {
      throw failure("Conflict", certificate.requestName ?? "");
    }
    if (decision) decisions.push(decision);
    if (certificate) certificates.push(certificate);
  }

  for (const csr of initial) write("ADDED", csr, undefined);

  return {
    decisions,
    certificates,
    changes,
    calls,
    removals,
    failNext(method, error) {
      failures.set(method, [...(failures.get(method) ?? []), error]);
    },
    compact(upTo) {
      compacted = upTo;
      while (changes[0] && changes[0].revision <= upTo) changes.shift();
      for (const subscriber of subscribers) schedule(subscriber);
    },
    async get(name) {
      enter("get");
      return objects.get(name);
    },
    async list(selection = {}) {
      enter("list");
      const items = [...objects.values()]
        .filter(({ metadata }) => selection.name === undefined || metadata.name === selection.name)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      return { items, revision };
    },
    revision: () => revision,
    compactedRevision: () => compacted,
    subscribe(afterRevision, selection, onChanges, onError) {
      if (afterRevision < compacted) throw new StatusError("Expired", "that revision was compacted");
      const subscriber: Subscriber = {
        name: selection.name,
        position: afterRevision,
        scheduled: false,
        closed: false,
        deliver: onChanges,
        fail: onError,
      };
      subscribers.add(subscriber);
      schedule(subscriber);
      return {
        close() {
          subscriber.closed = true;
          subscribers.delete(subscriber);
        },
      };
    },
    async create(csr, { next, records } = { records: {} }) {
      enter("create");
      if (objects.has(csr.metadata.name)) throw failure("AlreadyExists", csr.metadata.name);
      keepRecords(records);
      const created = write("ADDED", csr, undefined);
      if (next) write("MODIFIED", next, created);
      return created;
    },
    async update(csr, records = {}) {
      enter("update");
      const previous = stored(csr.metadata.name);
      const { uid, resourceVersion } = previous.metadata;
      if (uid !== csr.metadata.uid || resourceVersion !== csr.metadata.resourceVersion) {
        throw failure("Conflict", csr.metadata.name);
      }
      keepRecords(records);
      return write("MODIFIED", csr, previous);
    },
    async remove(name, preconditions, removedBy) {
      enter("remove");
      const previous = stored(name);
      const { uid, resourceVersion } = previous.metadata;
      if ((preconditions.uid ?? uid) !== uid) throw failure("Conflict", name);
      if ((preconditions.resourceVersion ?? resourceVersion) !== resourceVersion) throw failure("Conflict", name);
      removals.push(`${name} by ${removedBy}`);
      return write("DELETED", previous, previous);
    },
    async unfinished() {
      enter("unfinished");
      return [...objects.values()]
        .filter((csr) => isUndecided(csr) || awaitsSignature(csr))
        .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
        .map(({ metadata }) => metadata.name);
    },
    async recordDecision(decision) {
      enter("recordDecision");
      decisions.push(decision);
    },
  };
}

function failure(reason: StatusReason, name: string): StatusError {
  return new StatusError(reason, `${CSR_RESOURCE}.${CSR_GROUP} "${name}": ${reason}`, {
    details: { name, group: CSR_GROUP, kind: CSR_RESOURCE },
  });
}
