import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { isStatusError, StatusError } from "../../shared/status-error.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateSigningRequest, CsrStatus } from "../domain/certificate-signing-request.ts";
import { isUndeliverable, planPodSync, planSync, recordOf, type SyncStep } from "../domain/cluster-sync.ts";
import { isPodRecord } from "../domain/pod-certificate.ts";
import type { AuditTrail, CertificateRequests, OutcomeRecords } from "../domain/ports.ts";
import { decisionOfOthers } from "../issuance/people.ts";
import { createWorkQueue, type WorkResult } from "../issuance/work-queue.ts";
import type { RemoteRequests } from "./remote-requests.ts";

/** Steps that one turn takes; there are three between a new request and its certificate. */
const MAXIMUM_STEPS = 8;

/** Told of what others did. */
export interface RequestListener {
  noticed(csr: CertificateSigningRequest): void;
  forget(name: string): void;
}

export interface MirroredRequestsDependencies {
  readonly remote: RemoteRequests;
  /** Our record of the requests. */
  readonly record: CertificateRequests;
  readonly audit: Pick<AuditTrail, "append">;
  /** What is to be put on record of a certificate that we did not make, as far as it is one of our issuers'. */
  readonly seen: (csr: CertificateSigningRequest) => Promise<CertificateRecord | undefined>;
  /** Told of what was decided and signed, once it is on record. */
  readonly tell: (csr: CertificateSigningRequest, records: OutcomeRecords) => void;
  /** Whether a request of this signer is ours to decide and to sign. */
  readonly isOurs: (signerName: string) => boolean;
  /** Whether the cluster's requests of its kind were read. */
  readonly isKnown: (name: string) => boolean;
  /** Whether anything may be written to the cluster now. */
  readonly isLeading: () => boolean;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The requests of a cluster, each of which has its record in the ledger. */
export interface MirroredRequests {
  /** What the use cases work on: the record. What is written to it is durable first, and then goes to the cluster. */
  readonly requests: CertificateRequests;
  /** Brings a request and its record together, soon. */
  sync(name: string): void;
  /** The same with everything there is. */
  syncAll(): Promise<void>;
  /** How many requests wait for that. */
  readonly depth: number;
  listen(listener: RequestListener): void;
  /** Finishes what waits. */
  drain(): Promise<void>;
}

/**
 * Keeps requests and records together. The record is the intent: a decision or certificate is committed to it before
 * the cluster learns of it, so that after a crash, or a write of which nobody knows the outcome, the same certificate is
 * written again and none is made anew.
 */
export function createMirroredRequests(deps: MirroredRequestsDependencies): MirroredRequests {
  const { remote, record, isOurs, isLeading, logger } = deps;
  let listener: RequestListener = { noticed: () => undefined, forget: () => undefined };
  const queue = createWorkQueue<never>({
    concurrency: deps.concurrency,
    maximumQuestions: 1,
    clock: deps.clock,
    work: syncOne,
    onError: (request, error, retryInMs) => {
      const level = isStatusError(error, "Conflict") ? "debug" : "warn";
      logger[level]({ request, retryInMs, err: error }, "could not bring a request and its record together");
    },
  });

  const plan = (name: string, ...both: [CsrStatus, CsrStatus]): SyncStep =>
    isPodRecord(name) ? planPodSync(...both) : planSync(...both);

  async function syncOne(name: string): Promise<WorkResult> {
    // What was not read yet is not gone.
    if (!deps.isKnown(name)) return "done";
    for (let steps = 0; steps < MAXIMUM_STEPS; steps += 1) {
      const object = remote.get(name);
      const recorded = await record.get(name);
      if (object === undefined || !isOurs(object.spec.signerName)) {
        if (recorded !== undefined) await close(recorded);
        return "done";
      }
      if (recorded === undefined) await begin(recordOf(object), object.metadata.resourceVersion);
      else if (recorded.metadata.uid !== object.metadata.uid) await close(recorded);
      else if ((await follow(plan(name, object.status, recorded.status), object, recorded)) === "done") return "done";
    }
    throw new Error("the API server does not keep what is written to it");
  }

  async function follow(
    step: SyncStep,
    object: CertificateSigningRequest,
    recorded: CertificateSigningRequest,
  ): Promise<WorkResult | "again"> {
    switch (step.kind) {
      case "agreed":
        return "done";
      case "take":
        if (isUndeliverable(object.status, recorded.status)) await tellUndelivered(recorded);
        await take({ ...recorded, status: step.status }, recorded, object.metadata.resourceVersion);
        return "again";
      case "write":
        if (!isLeading()) return "done";
        await remote.write({ ...object, status: step.status }, step.target);
        return "again";
      default:
        return step satisfies never;
    }
  }

  async function begin(fresh: CertificateSigningRequest, resourceVersion: string): Promise<void> {
    const records = await newlySeen(undefined, fresh, resourceVersion);
    // What is there already follows from the creation, as where a request is decided while it is made.
    const { status, ...plain } = fresh;
    const isNew = Object.keys(records).length === 0;
    if (isNew) await record.create(fresh);
    else await record.create({ ...plain, status: {} }, { next: { ...plain, status }, records });
    await tell(fresh.metadata.name);
  }

  async function take(
    next: CertificateSigningRequest,
    before: CertificateSigningRequest,
    resourceVersion: string,
  ): Promise<void> {
    await record.update(next, await newlySeen(before, next, resourceVersion));
    await tell(next.metadata.name);
  }

  async function tell(name: string): Promise<void> {
    const stored = await record.get(name);
    if (stored !== undefined) listener.noticed(stored);
  }

  /** What others decided and signed. */
  async function newlySeen(
    before: CertificateSigningRequest | undefined,
    next: CertificateSigningRequest,
    resourceVersion: string,
  ): Promise<OutcomeRecords> {
    const decision = decisionOfOthers(before, next, resourceVersion, deps.clock.now());
    const isKnown = next.status.certificate === before?.status.certificate;
    const certificate = isKnown ? undefined : await deps.seen(next);
    return { ...(decision && { decision }), ...(certificate && { certificate }) };
  }

  /** The request is gone; what it was stays in the archive. */
  async function close({ metadata }: CertificateSigningRequest): Promise<void> {
    listener.forget(metadata.name);
    await record.remove(metadata.name, { uid: metadata.uid });
  }

  /** Somebody else was first: our certificate never left, and never will. */
  async function tellUndelivered({ metadata, spec }: CertificateSigningRequest): Promise<void> {
    const details = { request: metadata.name, uid: metadata.uid, signerName: spec.signerName };
    logger.warn(details, "a certificate was signed that nobody gets: the request was settled otherwise meanwhile");
    const entry = { actor: "gatehouse", kind: "certificate.undelivered", subject: metadata.name, details };
    await deps.audit.append({ at: deps.clock.now(), ...entry });
  }

  return {
    requests: {
      ...record,
      async create() {
        throw new StatusError("MethodNotAllowed", "requests are made in the cluster, not here");
      },
      async update(csr, records = {}) {
        // Nothing is put on record that might never be written to the cluster.
        if (!isLeading()) throw new StatusError("ServiceUnavailable", "another replica leads; it decides and signs");
        const updated = await record.update(csr, records);
        queue.add(csr.metadata.name);
        deps.tell(csr, records);
        return updated;
      },
      async remove(name, preconditions) {
        const recorded = await record.get(name);
        // Revisions of the record mean nothing to the cluster.
        const { uid = recorded?.metadata.uid } = preconditions;
        await remote.remove(name, { ...(uid !== undefined && { uid }) });
        queue.add(name);
        if (recorded === undefined)
          throw new StatusError("NotFound", `request ${JSON.stringify(name)} is not on record`);
        return recorded;
      },
    },
    sync: (name) => queue.add(name),
    async syncAll() {
      const { items } = await record.list();
      const recorded = items.map(({ metadata }) => metadata.name);
      queue.addBacklog([...new Set([...recorded, ...remote.names()])]);
    },
    get depth() {
      return queue.depth;
    },
    listen(to) {
      listener = to;
    },
    drain: () => queue.drain(),
  };
}
