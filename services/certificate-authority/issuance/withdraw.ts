import type { Clock } from "../../shared/clock.ts";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { isStatusError } from "../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CertificateRequests } from "../domain/ports.ts";
import { preconditionFailed, requestNotFound } from "../domain/request-errors.ts";
import type { Removal, RemovePreconditions, WriteOptions } from "./contract.ts";

const TRIES = 8;
/** A garbage collector's; nothing depends on a request, so its work is done when it begins. */
const GARBAGE_COLLECTION: ReadonlySet<string> = new Set(["orphan", "foregroundDeletion"]);

export interface Withdrawal {
  readonly name: string;
  readonly preconditions: RemovePreconditions;
  readonly options: WriteOptions;
  /** User name for the audit trail; our own doing when absent. */
  readonly removedBy?: string;
}

/**
 * Deletes a request, or marks it as being deleted while finalizers hold it.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete).
 */
export async function withdraw(
  { requests, clock }: { readonly requests: CertificateRequests; readonly clock: Clock },
  { name, preconditions, options, removedBy }: Withdrawal,
): Promise<Removal> {
  for (let attempt = 1; ; attempt += 1) {
    const csr = await requests.get(name);
    if (csr === undefined) throw requestNotFound(name);
    checkPreconditions(csr, preconditions);
    const { uid, resourceVersion, finalizers = [], deletionTimestamp } = csr.metadata;
    const holding = finalizers.filter((finalizer) => !GARBAGE_COLLECTION.has(finalizer));
    const isHeld = holding.length > 0;
    if (isHeld && deletionTimestamp !== undefined) return { csr, removed: false };
    const marked = isHeld ? markedAsDeleted(csr, holding, clock.now()) : csr;
    if (options.dryRun) return { csr: marked, removed: !isHeld };
    try {
      if (isHeld) return { csr: await requests.update(marked), removed: false };
      return { csr: await requests.remove(name, { uid, resourceVersion }, removedBy), removed: true };
    } catch (error) {
      // Somebody wrote in between: what was checked, finalizers above all, has to be checked again.
      if (attempt >= TRIES || !isStatusError(error, "Conflict")) throw error;
    }
  }
}

function checkPreconditions({ metadata }: CertificateSigningRequest, preconditions: RemovePreconditions): void {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = preconditions;
  if (uid !== metadata.uid) throw preconditionFailed(metadata.name, `its uid is ${metadata.uid}, not ${uid}`);
  if (resourceVersion !== metadata.resourceVersion) {
    const actual = metadata.resourceVersion;
    throw preconditionFailed(metadata.name, `its resourceVersion is ${actual}, not ${resourceVersion}`);
  }
}

function markedAsDeleted(
  csr: CertificateSigningRequest,
  finalizers: readonly string[],
  now: Date,
): CertificateSigningRequest {
  const deletion = { deletionTimestamp: toKubernetesTime(now), deletionGracePeriodSeconds: 0 };
  return { ...csr, metadata: { ...csr.metadata, ...deletion, finalizers } };
}
