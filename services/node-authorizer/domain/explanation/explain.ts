import { isNode, NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import { NONE } from "../graph/int-table.ts";
import { CLAIM, kindNumber, type ObjectRef, objectRefOf, POD, SECRET, VOLUME } from "../graph/object-kind.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";
import type { AccessQuestion, AccessVerdict } from "../questions.ts";
import { type Path, pathTo, podsOf } from "./paths.ts";

/** For operators: it names other nodes' numbers and this node's pods, which callers must not learn. */
export interface Explanation extends AccessVerdict {
  /** The object first, the node last; empty where no path matters or there is none. */
  readonly path: Path;
  /** What would have to be there for an allow; undefined where no path is missing. */
  readonly missing: string | undefined;
}

const SHOWN_PODS = 5;

/** Says why a question is answered as it is. */
export function createExplain(
  graph: ReferenceGraph,
  authorize: (question: AccessQuestion) => AccessVerdict,
): (question: AccessQuestion) => Explanation {
  return (question) => {
    const verdict = authorize(question);
    const { user, group, resource, namespace, name, isResourceRequest } = question;
    const object = isResourceRequest && name !== "" ? objectRefOf(group, resource, namespace, name) : undefined;
    if (user === undefined || !isNode(user) || object === undefined || object.kind === "node") {
      return { ...verdict, path: [], missing: undefined };
    }
    const node = graph.nodes.findByUser(user.username);
    const path = pathTo(graph, object, node);
    if (path !== undefined) return { ...verdict, path, missing: undefined };
    const nodeName = user.username.slice(NODE_USER_PREFIX.length);
    const isRefused = verdict.verdict !== "allow";
    return { ...verdict, path: [], missing: isRefused ? missingFor(graph, object, nodeName, node) : undefined };
  };
}

function missingFor(graph: ReferenceGraph, object: ObjectRef, nodeName: string, node: number): string {
  const shown = shownObject(object);
  if (node === NONE) return `nothing is bound to node ${nodeName}: no pod, attachment or resource slice`;
  const kind = kindNumber(object.kind);
  if (kind === POD) return missingPod(graph, object, nodeName);
  if (kind === VOLUME) return missingVolume(graph, object, nodeName);
  const id = graph.objects.find(kind, object.namespace, object.name);
  if (id === NONE)
    return `no pod${kind === SECRET ? " or volume" : ""} refers to ${shown}${podsInNamespace(graph, object, node)}`;
  const elsewhere = graph.objects.nodeCountOf(id);
  if (elsewhere === 0) return `${shown} is referred to, but by nothing that is in use on any node`;
  return `nothing on node ${nodeName} refers to ${shown}; ${counted(elsewhere, "other node")} may use it${podsInNamespace(graph, object, node)}`;
}

function missingPod({ pods, nodes }: ReferenceGraph, { namespace, name }: ObjectRef, nodeName: string): string {
  const pod = pods.find(namespace, name);
  if (pod === NONE) return `pod ${namespace}/${name} is not known`;
  const node = pods.nodeOf(pod);
  if (node === NONE) return `pod ${namespace}/${name} is not bound to any node`;
  return `pod ${namespace}/${name} is bound to node ${nodes.nameOf(node)}, not to ${nodeName}`;
}

function missingVolume({ volumes, objects }: ReferenceGraph, object: ObjectRef, nodeName: string): string {
  const volume = volumes.find(object.name);
  if (object.namespace !== "" || volume === NONE) return `volume ${object.name} is not known`;
  const claim = volumes.claimOf(volume);
  if (claim === NONE) return `volume ${object.name} has no claim (spec.claimRef)`;
  return `no pod on node ${nodeName} uses the volume's claim ${objects.namespaceOf(claim)}/${objects.nameOf(claim)}`;
}

/** So that a mistyped name is found at once. */
function podsInNamespace(graph: ReferenceGraph, { kind, namespace }: ObjectRef, node: number): string {
  if (namespace === "" || kindNumber(kind) > CLAIM) return "";
  const names: string[] = [];
  let count = 0;
  for (const pod of podsOf(graph, node)) {
    if (graph.pods.namespaceOf(pod) !== namespace) continue;
    count += 1;
    if (names.length < SHOWN_PODS) names.push(graph.pods.nameOf(pod));
  }
  if (count === 0) return `; the node has no pods in namespace ${namespace}`;
  const rest = count > names.length ? ` and ${count - names.length} more` : "";
  return `; its pods in namespace ${namespace}: ${names.sort().join(", ")}${rest}`;
}

function shownObject({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
