import { buildCsr } from "../../../builders/csr.ts";
import { slice } from "../cluster.ts";
import { SHOP, type WriteRow, writing } from "./write-row.ts";

const lease = (namespace: string, name: string) => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name, namespace },
  spec: { holderIdentity: name },
});
const leases = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

const CSI_NODES = "/apis/storage.k8s.io/v1/csinodes";
const csiNode = (name: string) => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "CSINode",
  metadata: { name },
  spec: { drivers: [] },
});

const SLICES = "/apis/resource.k8s.io/v1/resourceslices";
const SELECTED = {
  nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n3"] }] }] },
};

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

function certificateRequest(name: string, signer: string, commonName: string, request?: string) {
  const usages =
    signer === "kubelet-serving" ? ["digital signature", "server auth"] : ["digital signature", "client auth"];
  const made = buildCsr({ commonName, organizations: ["system:nodes"] }).requestBase64;
  return writing("POST", REQUESTS, `request: ${name}`, {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec: { request: request ?? made, signerName: `kubernetes.io/${signer}`, usages },
  });
}

const CLAIM = `${SHOP}/persistentvolumeclaims/data`;
const claimStatus = (name: string, patch: object) =>
  writing("PATCH", `${CLAIM}/status`, `claim status: ${name}`, patch);
const labels = { labels: { a: "b" } };

const CONFIG_MAP = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new" } };

export const OTHER_WRITES: readonly WriteRow[] = [
  writing("POST", leases("kube-node-lease"), "lease of its own", lease("kube-node-lease", "n3")),
  writing("POST", leases("kube-node-lease"), "lease of another", lease("kube-node-lease", "n1")),
  writing("POST", leases("shop"), "lease elsewhere", lease("shop", "n3")),
  writing("POST", CSI_NODES, "CSINode of its own", csiNode("n3")),
  writing("POST", CSI_NODES, "CSINode of another", csiNode("n1")),
  writing("POST", SLICES, "slice of its own", slice("s", { nodeName: "n3" })),
  writing("POST", SLICES, "slice of another", slice("s", { nodeName: "n1" })),
  writing("POST", SLICES, "slice of all", slice("s", { allNodes: true })),
  writing("POST", SLICES, "slice of those selected", slice("s", SELECTED)),
  writing("DELETE", `${SLICES}/slice-n3`, "delete a slice of its own"),
  writing("DELETE", `${SLICES}/slice-n1`, "delete a slice of another"),
  writing("DELETE", `${SLICES}/slice-all`, "delete a slice of all"),
  writing("PATCH", `${SLICES}/slice-n1`, "update a slice of another", { metadata: labels }),
  writing("DELETE", SLICES, "delete all slices"),
  certificateRequest("for itself", "kube-apiserver-client-kubelet", "system:node:n3"),
  certificateRequest("for another", "kube-apiserver-client-kubelet", "system:node:n1"),
  certificateRequest("to serve", "kubelet-serving", "system:node:n3"),
  certificateRequest("to serve as another", "kubelet-serving", "system:node:n1"),
  certificateRequest("longer name", "kubelet-serving", "system:node:n33"),
  certificateRequest("other capitals", "kubelet-serving", "System:node:n3"),
  certificateRequest("by a signer that is not restricted", "kube-apiserver-client", "system:node:n1"),
  certificateRequest("unreadable", "kubelet-serving", "", "aGVsbG8="),
  claimStatus("capacity", { status: { capacity: { storage: "2Gi" } } }),
  claimStatus("conditions", { status: { conditions: [{ type: "Resizing", status: "True" }] } }),
  claimStatus("allocated", { status: { allocatedResources: { storage: "2Gi" } } }),
  claimStatus("state of the allocated", { status: { allocatedResourceStatuses: { storage: "NodeResizeInProgress" } } }),
  claimStatus("phase", { status: { phase: "Lost" } }),
  claimStatus("access modes", { status: { accessModes: ["ReadOnlyMany"] } }),
  claimStatus("class", { status: { currentVolumeAttributesClassName: "x" } }),
  claimStatus("change of class", {
    status: { modifyVolumeStatus: { status: "Pending", targetVolumeAttributesClassName: "x" } },
  }),
  claimStatus("a label", { metadata: labels }),
  claimStatus("an annotation", { metadata: { annotations: { a: "b" } } }),
  claimStatus("a finalizer", { metadata: { finalizers: ["example.com/x"] } }),
  claimStatus("the same size, written otherwise", { spec: { resources: { requests: { storage: "1024Mi" } } } }),
  claimStatus("nothing", {}),
  writing("PATCH", CLAIM, "claim update", { metadata: labels }),
  writing("DELETE", CLAIM, "claim delete"),
  writing("POST", `${SHOP}/persistentvolumeclaims`, "claim create", {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "new" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  }),
  writing("POST", `${SHOP}/configmaps`, "config map", CONFIG_MAP),
  writing("POST", `${SHOP}/serviceaccounts`, "service account", { ...CONFIG_MAP, kind: "ServiceAccount" }),
  writing("POST", `${SHOP}/configmaps`, "config map", CONFIG_MAP, "system:node:"),
];
