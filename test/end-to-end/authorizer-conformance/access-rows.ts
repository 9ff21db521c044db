/** What is asked of both by a SubjectAccessReview, and how a difference would be called. */
export interface AccessRow {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

interface Attributes {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: object;
  readonly labelSelector?: object;
}

const NODES = ["system:nodes", "system:authenticated"];

function row(attributes: Attributes, user = "system:node:n1", groups: readonly string[] = NODES): AccessRow {
  const { verb, group = "", resource, subresource = "", namespace = "", name = "", ...selectors } = attributes;
  const what = [group, [resource, subresource].filter(Boolean).join("/")].filter(Boolean).join(" ");
  const selected = Object.keys(selectors).length === 0 ? "" : ` by ${JSON.stringify(selectors)}`;
  const asker = user === "system:node:n1" && groups === NODES ? "" : ` as ${user} of ${groups.join(" and ")}`;
  return {
    name: `${verb} ${what} ${namespace}/${name}${selected}${asker}`,
    spec: { user, groups, resourceAttributes: attributes },
  };
}

interface Kind {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  /** Related to n1, to n2, and to nobody. */
  readonly names: readonly string[];
}

const kind = (resource: string, namespace: string, names: string, group = ""): Kind => {
  return { group, resource, namespace, names: names.split(" ").filter(Boolean) };
};

const DRA = "resource.k8s.io";
const STORAGE = "storage.k8s.io";
const CERTIFICATES = "certificates.k8s.io";

const SECRETS =
  "pull init-env init-all env all volume projected csi azure ceph cinder flex rbd scale iscsi storageos of-debugger thrice " +
  "of-finished of-unbound of-mirror pv-azure pv-ceph pv-cinder pv-flex pv-rbd nothing";

/** Everything that is in the cluster, or named by something in it. */
const KINDS: readonly Kind[] = [
  kind("secrets", "shop", SECRETS),
  kind(
    "secrets",
    "drivers",
    "csi-publish csi-stage csi-expand csi-controller-publish csi-controller-expand pv-azure pv-ceph pv-cinder csi",
  ),
  kind("configmaps", "shop", "env all volume projected of-mirror kube-root-ca.crt nothing"),
  kind("persistentvolumeclaims", "shop", "data everything-v14 tokens of-nobody not-there nothing"),
  kind(
    "persistentvolumes",
    "",
    "pv-csi pv-free pv-elsewhere pv-azure pv-azure-far pv-ceph pv-ceph-far pv-cinder pv-flex pv-rbd pv-template pv-tokens nothing",
  ),
  kind("resourceclaims", "shop", "claim-named claim-made made none template nothing", DRA),
  kind("volumeattachments", "", "va-n1 va-n2 nothing", STORAGE),
  kind("serviceaccounts", "shop", "default builder nothing"),
  kind("leases", "kube-node-lease", "n1 n2 n", "coordination.k8s.io"),
  kind("csinodes", "", "n1 n2 n", STORAGE),
  kind("resourceslices", "", "slice-n1 slice-n2 slice-all nothing", DRA),
  kind("nodes", "", "n1 n2 n N1"),
  kind("pods", "shop", "everything mirror thrice unbound nothing"),
  kind("podcertificaterequests", "shop", "nothing", CERTIFICATES),
];

/** Of kinds that are the same for all nodes, or for none. */
const UNRELATED: readonly Kind[] = [
  kind("services", "shop", "x"),
  kind("endpoints", "shop", "x"),
  kind("endpointslices", "shop", "x", "discovery.k8s.io"),
  kind("events", "shop", "x"),
  kind("events", "shop", "x", "events.k8s.io"),
  kind("certificatesigningrequests", "", "x", CERTIFICATES),
  kind("clustertrustbundles", "", "x", CERTIFICATES),
  kind("csidrivers", "", "x", STORAGE),
  kind("storageclasses", "", "x", STORAGE),
  kind("csistoragecapacities", "shop", "x", STORAGE),
  kind("runtimeclasses", "", "x", "node.k8s.io"),
  kind("tokenreviews", "", "", "authentication.k8s.io"),
  kind("subjectaccessreviews", "", "", "authorization.k8s.io"),
  kind("localsubjectaccessreviews", "shop", "", "authorization.k8s.io"),
  kind("namespaces", "", "shop"),
  kind("deviceclasses", "", "x", DRA),
  kind("leases", "shop", "n1", "coordination.k8s.io"),
  kind("secrets", "shop", "all", "example.com"),
  kind("pods", "shop", "everything", "metrics.k8s.io"),
  kind("nodes", "", "n1", "metrics.k8s.io"),
  kind("", "shop", "x"),
  kind("*", "shop", "x"),
  kind("constructor", "shop", "__proto__", "__proto__"),
];

const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "*", ""];
const SUBRESOURCES = "status token eviction log exec proxy ephemeralcontainers *".split(" ");

/** Every verb on one object of each kind, with and without its name. */
const VERB_ROWS = [...KINDS, ...UNRELATED].flatMap(({ group, resource, namespace, names: [name = ""] }) =>
  VERBS.flatMap((verb) =>
    [...new Set([name, ""])].map((each) => row({ verb, group, resource, namespace, name: each })),
  ),
);

/** Every subresource with verbs that some have. */
const SUBRESOURCE_ROWS = [...KINDS, ...UNRELATED].flatMap(({ group, resource, namespace, names: [name = ""] }) =>
  SUBRESOURCES.flatMap((subresource) =>
    ["get", "create", "patch"].map((verb) => row({ verb, group, resource, subresource, namespace, name })),
  ),
);

/** Who reads which object: n1 and n2; a node that has nothing; and with the namespace of another kind of scope. */
const OBJECT_ROWS = KINDS.flatMap(({ group, resource, namespace, names }) =>
  names.flatMap((name) => [
    ...["n1", "n2", "n3", "n4"].map((node) =>
      row({ verb: "get", group, resource, namespace, name }, `system:node:${node}`),
    ),
    row({ verb: "get", group, resource, namespace: namespace === "" ? "shop" : `not-${namespace}`, name }),
    row({ verb: "watch", group, resource, namespace, name }),
    row({ verb: "list", group, resource, namespace, name }),
  ]),
);

const requirement = (key: string, operator: string, ...values: string[]) => ({ key, operator, values });
const selector = (...requirements: object[]) => ({ fieldSelector: { requirements } });

const SELECTORS: readonly Pick<Attributes, "fieldSelector" | "labelSelector">[] = [
  {},
  selector(requirement("spec.nodeName", "In", "n1")),
  selector(requirement("spec.nodeName", "In", "n2")),
  selector(requirement("spec.nodeName", "In", "")),
  selector(requirement("spec.nodeName", "In", "n1", "n2")),
  selector(requirement("spec.nodeName", "In", "n1", "n1")),
  selector(requirement("spec.nodeName", "NotIn", "n1")),
  selector(requirement("spec.nodeName", "Exists")),
  selector(requirement("nodeName", "In", "n1")),
  selector(requirement("metadata.name", "In", "n1")),
  selector(requirement("status.phase", "In", "Running"), requirement("spec.nodeName", "In", "n1")),
  selector(requirement("spec.nodeName", "In", "n2"), requirement("spec.nodeName", "In", "n1")),
  selector(requirement("spec.nodeName", "NotIn", "n2"), requirement("spec.nodeName", "In", "n1")),
  { labelSelector: { requirements: [requirement("spec.nodeName", "In", "n1")] } },
];

const SELECTED = [
  { resource: "pods", namespace: "" },
  { resource: "pods", namespace: "shop" },
  { resource: "pods", namespace: "shop", subresource: "status" },
  { resource: "nodes", namespace: "" },
  { resource: "secrets", namespace: "shop" },
  { resource: "resourceslices", group: DRA, namespace: "" },
  { resource: "podcertificaterequests", group: CERTIFICATES, namespace: "" },
  { resource: "services", namespace: "" },
];

const SELECTOR_ROWS = SELECTED.flatMap((attributes) =>
  ["list", "watch", "deletecollection"].flatMap((verb) =>
    SELECTORS.map((selectors) => row({ verb, ...attributes, ...selectors })),
  ),
);

const READ_OWN = { verb: "get", resource: "secrets", namespace: "shop", name: "all" };

const USER_ROWS = [
  row(READ_OWN, "system:node:n1", ["system:nodes"]),
  row(READ_OWN, "system:node:n1", ["system:node"]),
  row(READ_OWN, "system:node:n1", []),
  row(READ_OWN, "system:node:N1"),
  row(READ_OWN, "System:node:n1"),
  row(READ_OWN, "system:node:n1 "),
  row(READ_OWN, "system:nodes:n1"),
  row(READ_OWN, "system:node:"),
  row(READ_OWN, "n1"),
  row(READ_OWN, "system:serviceaccount:shop:default"),
  row({ verb: "list", resource: "nodes" }, "system:node:"),
  row({ verb: "list", resource: "services" }, "system:node:"),
  row({ verb: "create", resource: "pods" }, "system:node:"),
  row({ verb: "get", resource: "nodes", name: "a:b" }, "system:node:a:b"),
  row({ verb: "request-serviceaccounts-token-audience", resource: "vault", namespace: "shop", name: "default" }),
];

const PATH_ROWS = ["/healthz", "/version", "/api", "/metrics", "/logs", "/"].flatMap((path) =>
  ["get", "post"].map((verb): AccessRow => {
    const spec = { user: "system:node:n1", groups: NODES, nonResourceAttributes: { path, verb } };
    return { name: `${verb} ${path}`, spec };
  }),
);

/** By what varies. */
export const ACCESS_ROWS: Readonly<Record<string, readonly AccessRow[]>> = {
  verbs: VERB_ROWS,
  subresources: SUBRESOURCE_ROWS,
  objects: OBJECT_ROWS,
  selectors: SELECTOR_ROWS,
  users: [...USER_ROWS, ...PATH_ROWS],
};
