import { ATTESTED_GROUP } from "../../domain/attestation.ts";
import { ADMINISTRATORS_GROUP } from "../../domain/authorization.ts";
import { type BindingObject, FULL_AUTHORITY, type PolicyRule, type RbacObject, type RoleObject } from "./objects.ts";

const CSR_GROUP = "certificates.k8s.io";
const SIGNERS = [
  "kubernetes.io/kube-apiserver-client",
  "kubernetes.io/kube-apiserver-client-kubelet",
  "kubernetes.io/kubelet-serving",
  "kubernetes.io/legacy-unknown",
] as const;

function resources(
  verbs: readonly string[],
  apiGroup: string,
  names: readonly string[],
  only: readonly string[] = [],
): PolicyRule {
  return { verbs, apiGroups: [apiGroup], resources: names, resourceNames: only, nonResourceURLs: [] };
}

function paths(verbs: readonly string[], urls: readonly string[]): PolicyRule {
  return { verbs, apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: urls };
}

function role(name: string, ...rules: readonly PolicyRule[]): RoleObject {
  const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
  return { kind: "ClusterRole", name, namespace: "", labels, rules, aggregatedFrom: undefined };
}

function binding(name: string, roleName: string, ...groups: readonly string[]): BindingObject {
  return {
    kind: "ClusterRoleBinding",
    name,
    namespace: "",
    roleRef: { kind: "ClusterRole", name: roleName },
    subjects: groups.map((group) => ({ kind: "Group", name: group, namespace: "" })),
  };
}

const READ = ["get", "list", "watch"] as const;
const HEALTH = ["/healthz", "/livez", "/readyz"] as const;
const VERSION = ["/version", "/version/"] as const;

const approverRoles = SIGNERS.map((signer) =>
  role(
    `system:certificates.k8s.io:${signer.slice(signer.indexOf("/") + 1)}-approver`,
    resources(["approve"], CSR_GROUP, ["signers"], [signer]),
  ),
);

const recogniserRoles = ["nodeclient", "selfnodeclient"].map((subresource) =>
  role(
    `system:certificates.k8s.io:certificatesigningrequests:${subresource}`,
    resources(["create"], CSR_GROUP, [`certificatesigningrequests/${subresource}`]),
  ),
);

const certificateController = role(
  "system:controller:certificate-controller",
  resources(["delete", ...READ], CSR_GROUP, ["certificatesigningrequests"]),
  resources(["update"], CSR_GROUP, ["certificatesigningrequests/approval", "certificatesigningrequests/status"]),
  resources(["approve"], CSR_GROUP, ["signers"], ["kubernetes.io/kube-apiserver-client-kubelet"]),
  resources(["sign"], CSR_GROUP, ["signers"], SIGNERS),
  resources(["create"], "authorization.k8s.io", ["subjectaccessreviews"]),
);

/**
 * Kubernetes' stock roles as far as they speak of what Gatehouse serves, and who holds them with nothing configured.
 * The binding that would let bootstrap tokens approve themselves (`nodeclient`) is left out on purpose: a join waits for
 * a person until `config/rbac/auto-approve-bootstrap.yaml` or its like is loaded.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata, cmd/kubeadm/app/phases/bootstraptoken/node.
 */
export const STOCK_OBJECTS: readonly RbacObject[] = [
  role("cluster-admin", ...FULL_AUTHORITY),
  role(
    "system:basic-user",
    resources(["create"], "authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
    resources(["create"], "authentication.k8s.io", ["selfsubjectreviews"]),
  ),
  role(
    "system:discovery",
    paths(["get"], ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", ...HEALTH, ...VERSION]),
  ),
  role(
    "system:public-info-viewer",
    paths(["get"], [...HEALTH, ...VERSION, "/v1/trust-bundle", "/v1/crls/*", "/v1/ocsp/*", "/v1/spiffe/bundles/*"]),
    paths(["post"], ["/v1/ocsp", "/v1/attest/challenge", "/v1/attest/complete"]),
  ),
  role("system:monitoring", paths(["get"], [...HEALTH, ...HEALTH.map((path) => `${path}/*`), "/metrics"])),
  role("system:node", resources(["create", ...READ], CSR_GROUP, ["certificatesigningrequests"])),
  role("system:node-bootstrapper", resources(["create", ...READ], CSR_GROUP, ["certificatesigningrequests"])),
  ...recogniserRoles,
  ...approverRoles,
  certificateController,
  binding("cluster-admin", "cluster-admin", "system:masters"),
  binding(ADMINISTRATORS_GROUP, "cluster-admin", ADMINISTRATORS_GROUP),
  binding("system:basic-user", "system:basic-user", "system:authenticated"),
  binding("system:discovery", "system:discovery", "system:authenticated"),
  binding("system:public-info-viewer", "system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
  binding("system:monitoring", "system:monitoring", "system:monitoring"),
  binding("system:node", "system:node", "system:nodes"),
  binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", "system:bootstrappers"),
  binding("gatehouse:node-attestation", "system:node-bootstrapper", ATTESTED_GROUP),
  binding(
    "kubeadm:node-autoapprove-certificate-rotation",
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    "system:nodes",
  ),
];
