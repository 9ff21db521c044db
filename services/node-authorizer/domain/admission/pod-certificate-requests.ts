import { NONE } from "../graph/int-table.ts";
import { SERVICE_ACCOUNT } from "../graph/object-kind.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";
import type { AdmissionVerdict } from "../questions.ts";
import { fieldsOf, textAt } from "../references/reading.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden, mayLag } from "./refusals.ts";

/** Nodes request certificates for pods that run on them, telling the truth about node, pod and service account. */
export function admitPodCertificateRequest({ nodeName, question, state, gates }: NodeWrite): AdmissionVerdict {
  const { operation, subresource, namespace, object } = question;
  if (!gates.PodCertificateRequest) return forbidden("the feature PodCertificateRequest is off");
  if (operation !== "CREATE") return forbidden("nodes can only create podcertificaterequests");
  if (subresource !== "") return forbidden(`nodes cannot use the subresource ${subresource} of podcertificaterequests`);
  if (fieldsOf(object) === undefined) return forbidden("the review holds no pod certificate request");
  const spec = (field: string): string => textAt(object, "spec", field);
  if (spec("nodeName") !== nodeName) return forbidden("spec.nodeName must be the node that makes the request");
  const nodeUid = state.nodes.get("", nodeName);
  if (nodeUid === undefined) return mayLag(`node ${nodeName} is not known`);
  if (nodeUid !== spec("nodeUID")) return mayLag(`node ${nodeName} is known with another uid than spec.nodeUID`);

  const podName = spec("podName");
  const { pods, nodes } = state.graph;
  const pod = pods.find(namespace, podName);
  if (pod === NONE) return mayLag(`pod ${namespace}/${podName} is not known`);
  if (!pods.hasUid(pod, spec("podUID"))) return mayLag(`pod ${namespace}/${podName} is known with another uid`);
  const node = pods.nodeOf(pod);
  if (node === NONE || nodes.nameOf(node) !== nodeName) {
    return forbidden(`pod ${namespace}/${podName} does not run on the node that makes the request`);
  }
  if (pods.isMirror(pod)) return forbidden(`pod ${namespace}/${podName} is a mirror pod, which gets no certificates`);

  const account = spec("serviceAccountName");
  // It cannot have changed: the uid of the pod is right.
  if (account !== serviceAccountOf(state.graph, pod)) {
    return forbidden(`pod ${namespace}/${podName} has another service account than spec.serviceAccountName`);
  }
  const accountUid = state.serviceAccounts.get(namespace, account);
  if (accountUid === undefined) return mayLag(`service account ${namespace}/${account} is not known`);
  if (accountUid === spec("serviceAccountUID")) return ALLOWED;
  return mayLag(`service account ${namespace}/${account} is known with another uid than spec.serviceAccountUID`);
}

function serviceAccountOf({ pods, objects }: ReferenceGraph, pod: number): string {
  for (let index = 0; index < pods.referenceCount(pod); index += 1) {
    const id = pods.reference(pod, index);
    if (objects.kindOf(id) === SERVICE_ACCOUNT) return objects.nameOf(id);
  }
  return "";
}
