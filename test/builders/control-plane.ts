import type { ControlPlaneSettings } from "../../services/certificate-authority/domain/control-plane.ts";

/** Settings of a control plane node, complete and valid. */
export function controlPlaneSettings(overrides: Partial<ControlPlaneSettings> = {}): ControlPlaneSettings {
  return {
    clusterName: "kubernetes",
    nodeName: "cp-1",
    advertiseAddress: "192.0.2.10",
    bindPort: 6443,
    controlPlaneEndpoint: undefined,
    extraNames: [],
    serviceCidrs: ["10.96.0.0/12"],
    serviceDnsDomain: "cluster.local",
    etcd: "local",
    ...overrides,
  };
}
