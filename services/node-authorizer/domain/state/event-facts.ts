import { StatusError } from "../../../shared/status-error.ts";
import type { ObjectMeta, Pod, WatchedKind } from "../cluster-objects.ts";
import { listOf, textOf } from "../references/reading.ts";

const CLUSTER_SCOPED: ReadonlySet<WatchedKind> = new Set([
  "PersistentVolume",
  "VolumeAttachment",
  "ResourceSlice",
  "Node",
  "CSIDriver",
]);

/** @throws {StatusError} BadRequest when the object has no name, or no namespace where its kind has one. */
export function keyOf(
  kind: WatchedKind,
  object: { readonly metadata?: ObjectMeta } | null,
): readonly [namespace: string, name: string] {
  const name = textOf(object?.metadata?.name);
  if (name === "") throw new StatusError("BadRequest", `${kind}: metadata.name is missing`);
  if (CLUSTER_SCOPED.has(kind)) return ["", name];
  const namespace = textOf(object?.metadata?.namespace);
  if (namespace === "") throw new StatusError("BadRequest", `${kind} ${name}: metadata.namespace is missing`);
  return [namespace, name];
}

/** The claims that were made for a pod, as text that is equal when they are; empty for none. */
export function claimStatusesOf(pod: Pod): string {
  const statuses = listOf(pod.status?.resourceClaimStatuses);
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  if (statuses.length === 0 && extended === undefined) return "";
  return JSON.stringify([extended, statuses.map((status) => [status?.name, status?.resourceClaimName ?? null])]);
}

/** Whether a DaemonSet runs the pod, so that it stays when its node is drained. */
export function isDaemonPod(pod: Pod): boolean {
  return listOf(pod.metadata?.ownerReferences).some(
    (owner) => owner?.kind === "DaemonSet" && owner.controller === true,
  );
}
