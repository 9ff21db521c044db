import type { Pod } from "../cluster-objects.ts";
import { NONE } from "../graph/int-table.ts";
import type { AdmissionVerdict } from "../questions.ts";
import { isMirrorPod } from "../references/pod-references.ts";
import { at, fieldsOf, isAbsent, listAt, textAt } from "../references/reading.ts";
import { apiReferenceOf } from "./mirror-pod-references.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden, notFound } from "./refusals.ts";
import { sameTexts } from "./semantic-equality.ts";

/** Nodes make and delete mirror pods, and tell how the pods that run on them fare. */
export function admitPod(write: NodeWrite): AdmissionVerdict {
  const { operation, subresource } = write.question;
  switch (subresource) {
    case "":
      if (operation === "CREATE") return admitCreate(write);
      if (operation === "DELETE") return admitOnNode(write, write.name, "delete");
      return forbidden("nodes can only create and delete mirror pods, not update pods");
    case "status":
      if (operation === "UPDATE") return admitStatus(write);
      return forbidden("nodes can only update the status of pods");
    case "eviction":
      if (operation === "CREATE") return admitEviction(write);
      return forbidden("nodes can only create evictions");
    default:
      return forbidden(`nodes can only use the pod subresources status and eviction, not ${subresource}`);
  }
}

function admitCreate({ nodeName, question, state }: NodeWrite): AdmissionVerdict {
  const { object } = question;
  const pod = fieldsOf(object) as Pod | undefined;
  if (pod === undefined) return forbidden("the review holds no pod");
  if (!isMirrorPod(pod)) return forbidden("nodes can only create mirror pods (annotation kubernetes.io/config.mirror)");
  if (textAt(object, "spec", "nodeName") !== nodeName) {
    return forbidden("nodes can only create pods with spec.nodeName set to themselves");
  }
  const [owner, ...others] = listAt(object, "metadata", "ownerReferences");
  if (owner === undefined || others.length > 0) {
    return forbidden("nodes can only create pods with exactly one of ownerReferences, to themselves");
  }
  const isNode = textAt(owner, "apiVersion") === "v1" && textAt(owner, "kind") === "Node";
  if (!isNode || textAt(owner, "name") !== nodeName) {
    return forbidden("nodes can only create pods whose ownerReferences name themselves (v1 Node)");
  }
  if (at(owner, "controller") !== true) return forbidden("a mirror pod's ownerReferences must be of a controller");
  const blocks = at(owner, "blockOwnerDeletion");
  if (!isAbsent(blocks) && blocks !== false) {
    return forbidden("a mirror pod's ownerReferences must not set blockOwnerDeletion");
  }
  const uid = state.nodes.get("", nodeName);
  if (uid === undefined) return notFound("nodes", nodeName);
  if (textAt(owner, "uid") !== uid) return forbidden("a mirror pod's ownerReferences must have the uid of the node");
  const reference = apiReferenceOf(pod);
  return reference === undefined ? ALLOWED : forbidden(`nodes cannot create pods that refer to ${reference}`);
}

function admitStatus({ nodeName, question: { object, oldObject } }: NodeWrite): AdmissionVerdict {
  if (fieldsOf(object) === undefined || fieldsOf(oldObject) === undefined) return forbidden("the review holds no pod");
  if (textAt(oldObject, "spec", "nodeName") !== nodeName) {
    return forbidden("nodes can only update the status of pods with spec.nodeName set to themselves");
  }
  if (!sameTexts(at(oldObject, "metadata", "labels"), at(object, "metadata", "labels"))) {
    return forbidden("nodes cannot change labels through the status of a pod");
  }
  if (claimStatuses(oldObject) !== claimStatuses(object)) {
    return forbidden("nodes cannot change resourceClaimStatuses of a pod");
  }
  if (extendedClaim(oldObject) !== extendedClaim(object)) {
    return forbidden("nodes cannot change extendedResourceClaimStatus of a pod");
  }
  return ALLOWED;
}

/** Order, names and whether there is a claim at all, as text to compare. */
function claimStatuses(pod: unknown): string {
  return JSON.stringify(
    listAt(pod, "status", "resourceClaimStatuses").map((status) => [
      textAt(status, "name"),
      isAbsent(at(status, "resourceClaimName")) ? null : textAt(status, "resourceClaimName"),
    ]),
  );
}

function extendedClaim(pod: unknown): string {
  const status = at(pod, "status", "extendedResourceClaimStatus");
  if (isAbsent(status)) return "";
  const mappings = listAt(status, "requestMappings").map((mapping) =>
    ["containerName", "resourceName", "requestName"].map((field) => textAt(mapping, field)),
  );
  return JSON.stringify([textAt(status, "resourceClaimName"), mappings]);
}

function admitEviction(write: NodeWrite): AdmissionVerdict {
  const { question } = write;
  if (fieldsOf(question.object) === undefined) return forbidden("the review holds no eviction");
  const podName = question.name === "" ? textAt(question.object, "metadata", "name") : question.name;
  if (podName === "") return forbidden("the eviction names no pod");
  return admitOnNode(write, podName, "evict");
}

function admitOnNode({ nodeName, question, state }: NodeWrite, podName: string, verb: string): AdmissionVerdict {
  const { pods, nodes } = state.graph;
  const pod = pods.find(question.namespace, podName);
  if (pod === NONE) return notFound("pods", podName);
  const node = pods.nodeOf(pod);
  if (node !== NONE && nodes.nameOf(node) === nodeName) return ALLOWED;
  return forbidden(`nodes can only ${verb} pods with spec.nodeName set to themselves`);
}
