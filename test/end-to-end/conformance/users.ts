/** What a user's certificate says, as `openssl req -subj` takes it; undefined: no credentials at all. */
export const SUBJECTS = {
  admin: "/O=conformance:admins/CN=admin",
  masters: "/O=system:masters/CN=a-master",
  nobody: "/CN=nobody",
  grouped: "/O=zebras/O=antelopes/O=zebras/CN=grouped",
  withUid: "/1.3.6.1.4.1.57683.2=uid-of-jane/O=jane-s/CN=jane",
  reader: "/O=conformance:readers/CN=reader",
  creator: "/O=conformance:creators/CN=creator",
  editor: "/O=conformance:editors/CN=editor",
  approver: "/O=conformance:editors/O=conformance:approvers/CN=approver",
  domainApprover: "/O=conformance:editors/O=conformance:domain-approvers/CN=domain-approver",
  globApprover: "/O=conformance:editors/O=conformance:glob-approvers/CN=glob-approver",
  signer: "/O=conformance:editors/O=conformance:signers/CN=signer",
  domainSigner: "/O=conformance:editors/O=conformance:domain-signers/CN=domain-signer",
  deleter: "/O=conformance:deleters/CN=deleter",
  impersonator: "/O=conformance:impersonators/CN=impersonator",
  granter: "/O=conformance:granters/CN=granter",
  escalator: "/O=conformance:granters/O=conformance:escalators/CN=escalator",
  binder: "/O=conformance:granters/O=conformance:binders/CN=binder",
  replacer: "/O=conformance:replacers/CN=replacer",
  node: "/O=system:nodes/CN=system:node:worker-1",
  nodeByNameOnly: "/O=conformance:creators/CN=system:node:worker-1",
  nobodyNamed: "/O=conformance:admins",
  anonymous: undefined,
} as const;

export type UserName = keyof typeof SUBJECTS;

const CSR = { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] };
const SUBRESOURCES = ["certificatesigningrequests/approval", "certificatesigningrequests/status"];
const READ = ["get", "list", "watch"];

const RBAC = { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles", "clusterrolebindings"] };

const signers = (verb: string, ...resourceNames: readonly string[]) => ({
  apiGroups: ["certificates.k8s.io"],
  resources: ["signers"],
  verbs: [verb],
  resourceNames,
});

/** What the groups may do, on both servers. */
const RULES: Readonly<Record<string, readonly object[]>> = {
  admins: [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ],
  readers: [{ ...CSR, verbs: READ }],
  granters: [
    { ...RBAC, verbs: [...READ, "create", "update", "patch", "delete"] },
    { ...CSR, verbs: READ },
    { apiGroups: ["example.com"], resources: ["*/scale", "things"], verbs: ["update"], resourceNames: ["a", "b"] },
    { apiGroups: ["all.example.com"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["/example/*", "/one"], verbs: ["get", "post"] },
  ],
  escalators: [{ ...RBAC, resources: ["clusterroles"], verbs: ["escalate"] }],
  binders: [{ ...RBAC, resources: ["clusterroles"], verbs: ["bind"], resourceNames: ["cluster-admin"] }],
  replacers: [{ ...RBAC, verbs: [...READ, "update", "patch"] }],
  creators: [{ ...CSR, verbs: ["create"] }],
  editors: [
    { ...CSR, verbs: [...READ, "update", "patch"] },
    { ...CSR, resources: SUBRESOURCES, verbs: ["get", "update", "patch"] },
  ],
  approvers: [signers("approve", "example.com/one", "example.org/two")],
  "domain-approvers": [signers("approve", "example.com/*")],
  "glob-approvers": [signers("approve", "example.com/o*", "*", "*/*", "*.com/one")],
  signers: [signers("sign", "example.com/one")],
  "domain-signers": [signers("sign", "example.com/*")],
  deleters: [{ ...CSR, verbs: ["delete", "deletecollection", "list"] }],
  impersonators: [
    { apiGroups: [""], resources: ["users"], verbs: ["impersonate"], resourceNames: ["jane", "reader"] },
    { apiGroups: [""], resources: ["groups"], verbs: ["impersonate"], resourceNames: ["developers", "a,b"] },
    { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["impersonate"], resourceNames: ["robot"] },
    { apiGroups: ["authentication.k8s.io"], resources: ["uids"], verbs: ["impersonate"], resourceNames: ["u-1"] },
    {
      apiGroups: ["authentication.k8s.io"],
      resources: ["userextras/scopes", "userextras/example.com/k"],
      verbs: ["impersonate"],
      resourceNames: ["view", "edit"],
    },
  ],
};

function rbac(kind: string, name: string, rest: object): object {
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name }, ...rest };
}

function binding(name: string, role: string, group: string): object {
  const apiGroup = "rbac.authorization.k8s.io";
  return rbac("ClusterRoleBinding", name, {
    roleRef: { apiGroup, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup, kind: "Group", name: group }],
  });
}

/** RBAC objects for both servers. */
export const RBAC_OBJECTS: readonly object[] = Object.entries(RULES).flatMap(([group, rules]) => {
  const name = `conformance:${group}`;
  return [rbac("ClusterRole", name, { rules }), binding(name, name, name)];
});

/** What Gatehouse binds with nothing configured and kube-apiserver leaves to kubeadm. */
export const KUBEADM_BINDINGS: readonly object[] = [
  binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", "system:bootstrappers"),
  binding("conformance:nodes", "system:node", "system:nodes"),
  binding(
    "kubeadm:node-autoapprove-certificate-rotation",
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    "system:nodes",
  ),
];
