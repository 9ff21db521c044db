import { createNodeAuthorizer, type NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import type { AccessQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { feed, received, type UpstreamCluster, upstreamCluster, upstreamPod } from "./clusters.ts";
import { ask, type Figures } from "./large.ts";
import { nanosecondsPer } from "./timing.ts";

const AUTHORIZATION: UpstreamCluster = {
  ...{ nodes: 500, namespaces: 200, podsPerNode: 200, attachmentsPerNode: 20 },
  ...{ hasOwn: true, sharedSecret: true, sharedConfigMap: false },
};
const WRITES: UpstreamCluster = { ...AUTHORIZATION, nodes: 5_000, namespaces: 1, podsPerNode: 1 };
const UNAUTHORIZED: UpstreamCluster = {
  ...{ nodes: 5_000, namespaces: 1, podsPerNode: 1, attachmentsPerNode: 0 },
  ...{ hasOwn: false, sharedSecret: false, sharedConfigMap: true },
};

interface Case {
  readonly label: string;
  readonly resource: string;
  readonly name: string;
  readonly verdict: "allow" | "noOpinion";
}

/** The questions of Kubernetes' benchmark, all of node0. */
const CASES: readonly Case[] = [
  { label: "allow, config map", resource: "configmaps", name: "configmap0-pod0-node0", verdict: "allow" },
  { label: "allow, secret", resource: "secrets", name: "secret0-pod0-node0", verdict: "allow" },
  { label: "allow, shared secret", resource: "secrets", name: "secret0-shared", verdict: "allow" },
  { label: "no opinion, config map", resource: "configmaps", name: "configmap0-pod0-node1", verdict: "noOpinion" },
  { label: "no opinion, secret", resource: "secrets", name: "secret0-pod0-node1", verdict: "noOpinion" },
  {
    label: "no opinion, secret of a volume",
    resource: "secrets",
    name: "secret-pv0-pod0-node1-ns0",
    verdict: "noOpinion",
  },
  { label: "no opinion, claim", resource: "persistentvolumeclaims", name: "pvc0-pod0-node1", verdict: "noOpinion" },
  { label: "no opinion, volume", resource: "persistentvolumes", name: "pv0-pod0-node1-ns0", verdict: "noOpinion" },
  { label: "no opinion, attachment", resource: "volumeattachments", name: "attachment0-node1", verdict: "noOpinion" },
  { label: "allow, attachment", resource: "volumeattachments", name: "attachment0-node0", verdict: "allow" },
];

/** The shapes of Kubernetes' own benchmark: Authorization, UnauthorizedRequests and WriteIndexMaintenance. */
export class UpstreamBench {
  readonly #authorization = built(AUTHORIZATION);
  readonly #unauthorized = built(UNAUTHORIZED);
  readonly #writes = built(WRITES);

  constructor() {
    const stranger = { metadata: { name: "pod-X", namespace: "ns0" }, spec: { nodeName: "nodeX" } };
    this.#unauthorized.apply({ type: "ADDED", kind: "Pod", object: stranger });
  }

  round(seconds: number): Figures {
    const figures: Record<string, number> = {};
    for (const { label, verdict, ...asked } of CASES) {
      figures[label] = ask(this.#authorization, [questionOf("node0", asked)], verdict, seconds);
    }
    const shared = questionOf("nodeX", { resource: "configmaps", name: "configmap0-shared" });
    figures["no opinion, config map of 5,000 pods"] = ask(this.#unauthorized, [shared], "noOpinion", seconds);
    figures["write: the same pod again"] = this.#writeAgain(seconds);
    figures["write: two pods of one name in turn"] = this.#writeInTurn(seconds);
    return figures;
  }

  #writeAgain(seconds: number): number {
    const object = upstreamPod("pod0-node0", "ns0", "node0", WRITES).pod;
    return nanosecondsPer(() => {
      this.#writes.apply({ type: "ADDED", kind: "Pod", object });
      return true;
    }, seconds);
  }

  /** Kubernetes writes all of a pod anew even when it is the same; here only a pod that differs costs as much. */
  #writeInTurn(seconds: number): number {
    const first = upstreamPod("pod0-node0", "ns0", "node0", WRITES).pod;
    const second = {
      ...upstreamPod("other", "ns0", "node1", WRITES).pod,
      metadata: { name: "pod0-node0", namespace: "ns0" },
    };
    return nanosecondsPer((turn) => {
      return this.#writes.apply({ type: "ADDED", kind: "Pod", object: turn % 2 === 0 ? second : first });
    }, seconds);
  }
}

function built(shape: UpstreamCluster): NodeAuthorizer {
  const authorizer = createNodeAuthorizer();
  feed(authorizer, upstreamCluster(shape));
  return authorizer;
}

function questionOf(node: string, { resource, name }: { resource: string; name: string }): AccessQuestion {
  return received({
    user: { username: `system:node:${node}`, groups: ["system:nodes"] },
    ...{ isResourceRequest: true, verb: "get", subresource: "", fieldSelector: [], resource, name },
    group: resource === "volumeattachments" ? "storage.k8s.io" : "",
    namespace: resource === "volumeattachments" || resource === "persistentvolumes" ? "" : "ns0",
  });
}
