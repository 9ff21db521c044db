import type { AdmissionVerdict } from "../questions.ts";
import { fieldsOf } from "../references/reading.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden } from "./refusals.ts";
import { type Comparison, isSemanticallyEqual } from "./semantic-equality.ts";

/** What a kubelet writes when it has resized a volume. */
const METADATA = ["resourceVersion", "managedFields"] as const;
const STATUS = ["capacity", "conditions"] as const;
const EXPANSION = ["allocatedResources", "allocatedResourceStatuses"] as const;

/** Fields where nothing and something empty are different: pointers in Kubernetes' types. */
const POINTERS: ReadonlySet<string> = new Set([
  "spec.selector",
  "spec.storageClassName",
  "spec.volumeMode",
  "spec.dataSource",
  "spec.dataSource.apiGroup",
  "spec.dataSourceRef",
  "spec.dataSourceRef.apiGroup",
  "spec.dataSourceRef.namespace",
  "spec.volumeAttributesClassName",
  "status.currentVolumeAttributesClassName",
  "status.modifyVolumeStatus",
  "metadata.deletionTimestamp",
  "metadata.deletionGracePeriodSeconds",
  "metadata.ownerReferences[].controller",
  "metadata.ownerReferences[].blockOwnerDeletion",
]);
const TIMES: ReadonlySet<string> = new Set(["metadata.creationTimestamp", "metadata.deletionTimestamp"]);
const MAPS: ReadonlySet<string> = new Set([
  "metadata.labels",
  "metadata.annotations",
  "spec.selector.matchLabels",
  "spec.resources.requests",
  "spec.resources.limits",
  "status.allocatedResources",
  "status.allocatedResourceStatuses",
]);
const QUANTITIES = /^(spec\.resources\.(requests|limits)|status\.allocatedResources)\./;

/** Nodes write the status of claims only, and of that only what tells of a volume's size. */
export function admitClaim({ question, gates }: NodeWrite): AdmissionVerdict {
  const { operation, subresource, object, oldObject } = question;
  if (subresource !== "status" || operation !== "UPDATE") {
    return forbidden("nodes can only update the status of persistentvolumeclaims");
  }
  if (fieldsOf(object) === undefined || fieldsOf(oldObject) === undefined)
    return forbidden("the review holds no claim");
  const isFree = gates.RecoverVolumeExpansionFailure ? [...STATUS, ...EXPANSION] : STATUS;
  if (isSemanticallyEqual(without(object, isFree), without(oldObject, isFree), comparisonAt)) return ALLOWED;
  return forbidden(`nodes can only change ${isFree.map((field) => `status.${field}`).join(", ")} of claims`);
}

function comparisonAt(path: string): Comparison {
  if (QUANTITIES.test(path)) return "quantity";
  if (TIMES.has(path)) return "time";
  if (MAPS.has(path)) return "map";
  return POINTERS.has(path) ? "presence" : undefined;
}

function without(claim: unknown, status: readonly string[]): unknown {
  const fields = fieldsOf(claim) ?? {};
  return { ...fields, metadata: lacking(fields["metadata"], METADATA), status: lacking(fields["status"], status) };
}

function lacking(value: unknown, names: readonly string[]): unknown {
  const fields = fieldsOf(value);
  if (fields === undefined) return value;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
