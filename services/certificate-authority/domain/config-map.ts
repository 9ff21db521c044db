import type { ApiObject, ResourceName } from "./api-object.ts";

export const CONFIG_MAPS: ResourceName = { group: "", kind: "ConfigMap", resource: "configmaps" };
/** The only ConfigMap and where it is. Source: kubernetes cluster-bootstrap/token/api/types.go. */
export const CLUSTER_INFO_NAMESPACE = "kube-public";
export const CLUSTER_INFO_NAME = "cluster-info";

/** Source: kubernetes staging/src/k8s.io/api/core/v1/types.go. */
export interface ConfigMap extends ApiObject {
  readonly data: Readonly<Record<string, string>>;
}
