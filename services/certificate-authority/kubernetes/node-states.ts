import { ApiServerError, connectApiServer } from "./api-server.ts";

/** As much of a Node as we look at. Source: kubernetes staging/src/k8s.io/api/core/v1/types.go (NodeCondition). */
interface NodeWithConditions {
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

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
 * @throws {KubeconfigError} when the kubeconfig cannot be used.
 */
export function openNodeStates(settings: {
  readonly kubeconfigFile: string;
  readonly timeoutSeconds: number;
}): NodeStatesClient {
  const api = connectApiServer(settings.kubeconfigFile);
  return {
    async stateOf(nodeName, signal) {
      try {
        const path = `/api/v1/nodes/${encodeURIComponent(nodeName)}`;
        const node = (await api.get(path, settings.timeoutSeconds * 1000, signal)) as NodeWithConditions;
        const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === "True" ? "ready" : "notReady";
      } catch (error) {
        if (error instanceof ApiServerError && error.statusCode === 404) return "absent";
        throw error;
      }
    },
    close: () => api.close(),
  };
}
