import { ClusterError, connectCluster } from "./cluster-connection.ts";

/** As much of a Node as we look at. Source: kubernetes staging/src/k8s.io/api/core/v1/types.go (NodeCondition). */
interface NodeWithConditions {
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

const LIMITS = { requestsPerSecond: 100, maximumConnections: 16 };

/** Whether there is a node, and whether its kubelet reports that it is well. */
export type NodeState = "ready" | "notReady" | "absent";

/** Asks a cluster about single nodes. */
export interface NodeStatesClient {
  /** @throws {Error} when the API server does not answer. */
  stateOf(nodeName: string, signal: AbortSignal): Promise<NodeState>;
  close(): void;
}

/**
 * @param settings - how to reach the kube-apiserver, as somebody who may get nodes; the time for one answer.
 * @throws {Error} when the kubeconfig cannot be used, naming it.
 */
export function openNodeStates(settings: {
  readonly kubeconfigFile: string;
  readonly timeoutSeconds: number;
}): NodeStatesClient {
  const api = connectCluster(settings.kubeconfigFile, LIMITS);
  return {
    async stateOf(nodeName, signal) {
      try {
        const path = `/api/v1/nodes/${encodeURIComponent(nodeName)}`;
        const limits = { timeoutMilliseconds: settings.timeoutSeconds * 1000, signal };
        const node = (await api.send("GET", path, undefined, limits)) as NodeWithConditions;
        const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === "True" ? "ready" : "notReady";
      } catch (error) {
        if (error instanceof ClusterError && error.code === 404) return "absent";
        throw error;
      }
    },
    close: () => api.close(),
  };
}
