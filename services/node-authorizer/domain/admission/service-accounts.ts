import { NONE } from "../graph/int-table.ts";
import { CLAIM } from "../graph/object-kind.ts";
import type { AdmissionVerdict, AudienceQuestion } from "../questions.ts";
import { at, fieldsOf, listAt, textAt } from "../references/reading.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import type { AudienceSource } from "../state/token-audiences.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden, notFound } from "./refusals.ts";

/** Nodes make tokens for pods that run on them, and for whom the pod says. Whose service account it is, others check. */
export function admitServiceAccount(write: NodeWrite): AdmissionVerdict {
  const { nodeName, question, state } = write;
  const { operation, subresource, object, namespace } = question;
  if (operation !== "CREATE" || subresource !== "token") return ALLOWED;
  if (fieldsOf(object) === undefined) return forbidden("the review holds no token request");
  const bound = at(object, "spec", "boundObjectRef");
  const podName = textAt(bound, "name");
  if (textAt(bound, "apiVersion") !== "v1" || textAt(bound, "kind") !== "Pod" || podName === "") {
    return forbidden("nodes can only request tokens that are bound to a pod");
  }
  const uid = textAt(bound, "uid");
  if (uid === "") return forbidden("nodes can only request tokens that are bound to a pod by uid");
  const { pods, nodes } = state.graph;
  const pod = pods.find(namespace, podName);
  if (pod === NONE) return notFound("pods", podName);
  if (!pods.hasUid(pod, uid)) return forbidden(`pod ${podName} does not have the uid that the token is bound to`);
  const node = pods.nodeOf(pod);
  if (node === NONE || nodes.nameOf(node) !== nodeName) {
    return forbidden("nodes can only request tokens that are bound to pods which run on them");
  }
  return write.gates.ServiceAccountNodeAudienceRestriction ? admitAudience(write, pod) : ALLOWED;
}

function admitAudience({ question, name, state }: NodeWrite, pod: number): AdmissionVerdict {
  const [first = "", ...others] = listAt(question.object, "spec", "audiences");
  if (others.length > 0) return forbidden("nodes can only request tokens for one audience");
  if (typeof first !== "string") return forbidden("spec.audiences must be texts");
  const found = findAudience(state, pod, first);
  if (found === "named") return ALLOWED;
  const shown = JSON.stringify(first);
  const refusal = forbidden(`no volume of the pod is for the audience ${shown}, and the node may not request it`);
  if (found === "unknown") return forbidden(`what the pod's volumes say about the audience ${shown} is not known yet`);
  const attributes: AudienceQuestion["attributes"] = {
    verb: "request-serviceaccounts-token-audience",
    group: "",
    version: "v1",
    resource: first,
    namespace: question.namespace,
    name,
  };
  return { kind: "askAuthorizer", attributes, otherwise: refusal };
}

/**
 * Looks through the pod's volumes in order. Where something on the way from a volume to its driver is not there, the
 * search goes on, but ends as `unknown` unless another volume names the audience.
 */
function findAudience(state: ClusterState, pod: number, audience: string): "named" | "unnamed" | "unknown" {
  let isUnknown = false;
  for (const source of state.audiences.sourcesOf(state.graph.pods.audiencesOf(pod))) {
    const audiences = audiencesAt(state, pod, source);
    if (audiences === undefined) isUnknown = true;
    else if (audiences.includes(audience)) return "named";
  }
  return isUnknown ? "unknown" : "unnamed";
}

const NO_AUDIENCES: readonly string[] = [];

function audiencesAt(state: ClusterState, pod: number, source: AudienceSource): readonly string[] | undefined {
  if (source.kind === "audience") return [source.audience];
  const driver = source.kind === "driver" ? source.driver : driverOfClaim(state, pod, source.index);
  if (driver === "") return NO_AUDIENCES;
  return driver === undefined ? undefined : state.drivers.get("", driver);
}

/** Undefined when the claim or its volume is not there; empty when the volume is none of CSI's. */
function driverOfClaim({ graph, claims }: ClusterState, pod: number, index: number): string | undefined {
  const { pods, objects, volumes } = graph;
  let passed = 0;
  for (let place = 0; place < pods.referenceCount(pod); place += 1) {
    const id = pods.reference(pod, place);
    if (objects.kindOf(id) !== CLAIM) continue;
    if (passed === index) {
      const volumeName = claims.get(objects.namespaceOf(id), objects.nameOf(id));
      const volume = volumeName === undefined ? NONE : volumes.find(volumeName);
      return volume === NONE ? undefined : volumes.driverOf(volume);
    }
    passed += 1;
  }
  return undefined;
}
