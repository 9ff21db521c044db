import type { Clock } from "../../shared/clock.ts";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import { isStatusError } from "../../shared/status-error.ts";
import type { ApiObject } from "../domain/api-object.ts";
import type { RemovalPreconditions } from "../domain/ports.ts";
import type { ResourceErrors } from "../domain/resource-errors.ts";
import type { Removal, WriteOptions } from "./contract.ts";

const TRIES = 8;
/** A garbage collector's; nothing depends on our objects, so its work is done when it begins. */
const GARBAGE_COLLECTION: ReadonlySet<string> = new Set(["orphan", "foregroundDeletion"]);

export interface Withdrawal {
  readonly name: string;
  readonly preconditions: RemovalPreconditions;
  readonly options: WriteOptions;
}

/** How objects of one kind are read, marked and taken away. */
export interface WithdrawalParts<T extends ApiObject> {
  readonly errors: ResourceErrors;
  readonly clock: Clock;
  get(name: string): Promise<T | undefined>;
  update(object: T): Promise<T>;
  remove(name: string, preconditions: RemovalPreconditions): Promise<T>;
  /** Asked of the object that is there. @throws {StatusError} Forbidden when it may not go. */
  readonly admit?: (stored: T) => void;
}

/**
 * Deletes an object, or marks it as being deleted while finalizers hold it.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete).
 */
export async function withdraw<T extends ApiObject>(
  parts: WithdrawalParts<T>,
  { name, preconditions, options }: Withdrawal,
): Promise<Removal<T>> {
  for (let attempt = 1; ; attempt += 1) {
    const object = await parts.get(name);
    if (object === undefined) throw parts.errors.notFound(name);
    parts.admit?.(object);
    checkPreconditions(object, preconditions, parts.errors);
    const { uid, resourceVersion, finalizers = [], deletionTimestamp } = object.metadata;
    const holding = finalizers.filter((finalizer) => !GARBAGE_COLLECTION.has(finalizer));
    const isHeld = holding.length > 0;
    if (isHeld && deletionTimestamp !== undefined) return { object, removed: false };
    const marked = isHeld ? markedAsDeleted(object, holding, parts.clock.now()) : object;
    if (options.dryRun) return { object: marked, removed: !isHeld };
    try {
      if (isHeld) return { object: await parts.update(marked), removed: false };
      return { object: await parts.remove(name, { uid, resourceVersion }), removed: true };
    } catch (error) {
      // Somebody wrote in between: what was checked, finalizers above all, has to be checked again.
      if (attempt >= TRIES || !isStatusError(error, "Conflict")) throw error;
    }
  }
}

function checkPreconditions({ metadata }: ApiObject, wanted: RemovalPreconditions, errors: ResourceErrors): void {
  const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = wanted;
  if (uid !== metadata.uid) throw errors.preconditionFailed(metadata.name, `its uid is ${metadata.uid}, not ${uid}`);
  if (resourceVersion !== metadata.resourceVersion) {
    const actual = metadata.resourceVersion;
    throw errors.preconditionFailed(metadata.name, `its resourceVersion is ${actual}, not ${resourceVersion}`);
  }
}

function markedAsDeleted<T extends ApiObject>(object: T, finalizers: readonly string[], now: Date): T {
  const deletion = { deletionTimestamp: toKubernetesTime(now), deletionGracePeriodSeconds: 0 };
  return { ...object, metadata: { ...object.metadata, ...deletion, finalizers } };
}
