import { encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { type Body, type Exchange, get, JSON_HEADERS, type Options, type Row, type Step } from "../row.ts";

const GROUP = "rbac.authorization.k8s.io";
const API_VERSION = `${GROUP}/v1`;
const ROLES = `/apis/${API_VERSION}/clusterroles`;
const BINDINGS = `/apis/${API_VERSION}/clusterrolebindings`;
const ROLE = `${ROLES}/$name`;
const BINDING = `${BINDINGS}/$name`;

const READ_REQUESTS = { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"], verbs: ["get"] };

function send(method: string, path: string, body?: Body, { query, ...options }: Options = {}): Exchange {
  const url = query === undefined ? path : `${path}?${query}`;
  if (body === undefined) return { method, path: url, ...options };
  return { method, path: url, headers: JSON_HEADERS, body, ...options };
}

const metadata = (more: object = {}): object => ({ name: "$name", ...more });
const role = (rest: object = { rules: [READ_REQUESTS] }, meta: object = {}): object => {
  return { apiVersion: API_VERSION, kind: "ClusterRole", metadata: metadata(meta), ...rest };
};
const ROLE_REF = { apiGroup: GROUP, kind: "ClusterRole", name: "view-of-$name" };
/** Nobody whom other rows ask about. */
const OWN_USER = { kind: "User", apiGroup: GROUP, name: "user-of-$name" };
const binding = (rest: object = {}, meta: object = {}): object => {
  const content = { subjects: [OWN_USER], roleRef: ROLE_REF, ...rest };
  return { apiVersion: API_VERSION, kind: "ClusterRoleBinding", metadata: metadata(meta), ...content };
};
const refer = (name: string): object => ({ roleRef: { ...ROLE_REF, name } });

const postRole = (body: Body, options?: Options): Exchange => send("POST", ROLES, body, options);
const postBinding = (body: Body, options?: Options): Exchange => send("POST", BINDINGS, body, options);
const PATCHES = { json: "json-patch", merge: "merge-patch", strategic: "strategic-merge-patch" } as const;
const patch = (type: keyof typeof PATCHES, path: string, body: Body, options: Options = {}): Exchange =>
  send("PATCH", path, body, { headers: { "content-type": `application/${PATCHES[type]}+json` }, ...options });

const created = (name: string, body: Body, options?: Options): Row => ({
  name: `rbac: create ${name}`,
  asked: [postRole(body, options), get(ROLE)],
});
const bound = (name: string, body: Body, options?: Options): Row => ({
  name: `rbac: bind ${name}`,
  asked: [postBinding(body, options), get(BINDING)],
});
const ofRole = (name: string, ...asked: readonly Step[]): Row => ({
  name: `rbac: role, ${name}`,
  given: [postRole(role())],
  asked,
});
const ofBinding = (name: string, ...asked: readonly Step[]): Row => ({
  name: `rbac: binding, ${name}`,
  given: [postBinding(binding())],
  asked,
});

const rule = (overrides: object): object => role({ rules: [{ ...READ_REQUESTS, ...overrides }] });
const path = (nonResourceURLs: readonly string[], more: object = {}): object =>
  role({ rules: [{ nonResourceURLs, verbs: ["get"], ...more }] });
const aggregating = (...clusterRoleSelectors: readonly unknown[]): object =>
  role({ aggregationRule: { clusterRoleSelectors } });
const expression = (more: object): object =>
  aggregating({ matchExpressions: [{ key: "a", operator: "In", values: ["b"], ...more }] });

const ROLE_CONTENT: readonly Row[] = [
  created("a plain one", role()),
  created("no rules", role({})),
  created("empty rules", role({ rules: [] })),
  created("null rules", role({ rules: null })),
  created("empty lists", rule({ resourceNames: [], nonResourceURLs: [] })),
  created("every list", rule({ resourceNames: ["a", ""] })),
  created("no verbs", rule({ verbs: [] })),
  created("null verbs", rule({ verbs: null })),
  created("no groups", rule({ apiGroups: [] })),
  created("no resources", rule({ resources: [] })),
  created("nothing in a rule", role({ rules: [{}] })),
  created("two bad rules", role({ rules: [READ_REQUESTS, {}, { verbs: ["get"] }] })),
  created("empty verbs and names", rule({ verbs: [""], resources: [""], apiGroups: [""] })),
  created("a path", path(["/metrics"])),
  created("odd paths", path(["metrics", "*", "/a*b", ""])),
  created("a path without verbs", path(["/metrics"], { verbs: [] })),
  created("a path and resources", path(["/metrics"], READ_REQUESTS)),
  created("a path and names", path(["/metrics"], { resourceNames: ["a"] })),
  created("rules of another shape", role({ rules: {} })),
  created("an unknown field", role({ rules: [{ ...READ_REQUESTS, verb: "x" }], rule: [] })),
  created("an unknown field, strictly", role({ rule: [] }), { query: "fieldValidation=Strict" }),
  created("an aggregation", aggregating({ matchLabels: { a: "b" } })),
  created("an aggregation of nothing", role({ aggregationRule: {} })),
  created("an aggregation of no selectors", aggregating()),
  created("an aggregation of everything", aggregating({})),
  created("a null aggregation", role({ aggregationRule: null })),
  created("an aggregation by expressions", expression({})),
  created("an aggregation by bad labels", aggregating({ matchLabels: { "a b": "c d" } })),
  ...[
    { operator: "In", values: [] },
    { operator: "Exists" },
    { operator: "Exists", values: [] },
    { operator: "Nonsense" },
    { operator: "" },
    { key: "" },
    { values: ["a b"] },
  ].map((more) => created(`an aggregation by ${JSON.stringify(more)}`, expression(more))),
  created("a colon in the name", role({}, { name: "a:$name" })),
  created("a slash in the name", role({}, { name: "a/$name" })),
  created("upper case in the name", role({}, { name: "A_$name" })),
  created("no name", role({}, { name: "" })),
  created("generated name", role({}, { name: undefined, generateName: "generated-" })),
  created("bad labels", role({}, { labels: { "a b": "c d" } })),
  created(
    "metadata of every kind",
    role(
      {},
      {
        labels: { a: "b" },
        annotations: { c: "d" },
        finalizers: ["example.com/held"],
        ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n", uid: "u" }],
        creationTimestamp: "2001-01-01T00:00:00Z",
        uid: "u",
        namespace: "x",
      },
    ),
  ),
  created("a generation", role({}, { generation: 3 })),
  created("dry run", role(), { query: "dryRun=All" }),
  created("another kind", { ...role(), kind: "Role" }),
  created("another version", { ...role(), apiVersion: `${GROUP}/v1beta1` }),
  created("by nobody", role(), { as: "nobody" }),
  {
    name: "rbac: create the same twice",
    given: [postRole(role())],
    asked: [postRole(role()), postRole(role({ rules: [{}] }))],
  },
];

const subject = (overrides: object): object => binding({ subjects: [{ ...OWN_USER, ...overrides }] });

const BINDING_CONTENT: readonly Row[] = [
  bound("a user", binding()),
  bound("nobody", binding({ subjects: [] })),
  bound("null subjects", binding({ subjects: null })),
  bound("subjects left out", binding({ subjects: undefined })),
  bound("a group", subject({ kind: "Group" })),
  bound("a user without group", subject({ apiGroup: undefined })),
  bound("a user with another group", subject({ apiGroup: "x" })),
  bound("a group without group", subject({ kind: "Group", apiGroup: "" })),
  bound("a user with a namespace", subject({ namespace: "n" })),
  bound("a user without name", subject({ name: "" })),
  bound("a service account", subject({ kind: "ServiceAccount", apiGroup: undefined, namespace: "n" })),
  bound("a service account with a group", subject({ kind: "ServiceAccount", namespace: "n" })),
  bound("a service account without namespace", subject({ kind: "ServiceAccount", apiGroup: "" })),
  bound(
    "a service account of bad name",
    subject({ kind: "ServiceAccount", apiGroup: "", namespace: "n", name: "A b" }),
  ),
  bound("an unknown kind of subject", subject({ kind: "Robot" })),
  bound("a subject of nothing", binding({ subjects: [{}] })),
  bound("no role", binding({ roleRef: undefined })),
  bound("an empty role", binding({ roleRef: {} })),
  bound("a role without group", binding({ roleRef: { kind: "ClusterRole", name: "x" } })),
  bound("a role of another group", binding({ roleRef: { ...ROLE_REF, apiGroup: "x" } })),
  bound("a role of a namespace", binding({ roleRef: { ...ROLE_REF, kind: "Role" } })),
  bound("a role without name", binding({ roleRef: { ...ROLE_REF, name: "" } })),
  bound("a role of bad name", binding({ roleRef: { ...ROLE_REF, name: "a/b" } })),
  bound("dry run", binding(), { query: "dryRun=All" }),
  bound("an unknown field, strictly", binding({ subject: [] }), { query: "fieldValidation=Strict" }),
  bound("by nobody", binding(), { as: "nobody" }),
];

const put = (where: string, body: Body, options?: Options): Exchange => send("PUT", where, body, options);

const UPDATES: readonly Row[] = [
  ofRole("replace", put(ROLE, role({ rules: [] })), get(ROLE)),
  ofRole("replace with nothing new", put(ROLE, role()), get(ROLE)),
  ofRole("replace with labels", put(ROLE, role({ rules: [READ_REQUESTS] }, { labels: { a: "b" } })), get(ROLE)),
  ofRole("replace invalid", put(ROLE, rule({ verbs: [] }))),
  ofRole("replace under another name", put(ROLE, role({}, { name: "other" }))),
  ofRole("replace without name", put(ROLE, role({}, { name: undefined }))),
  ofRole("replace a stale one", put(ROLE, role({}, { resourceVersion: "1" }))),
  ofRole("replace another uid", put(ROLE, role({}, { uid: "other" }))),
  ofRole("replace, dry run", put(ROLE, role({}), { query: "dryRun=All" }), get(ROLE)),
  ofRole("replace a stale invalid one", put(ROLE, role({ rules: [{}] }, { resourceVersion: "1" }))),
  { name: "rbac: put what is not there", asked: [put(ROLE, role()), get(ROLE)] },
  { name: "rbac: put what is not there, dry run", asked: [put(ROLE, role(), { query: "dryRun=All" }), get(ROLE)] },
  { name: "rbac: put what is not there, invalid", asked: [put(ROLE, rule({ verbs: [] }))] },
  { name: "rbac: put what is not there, with uid", asked: [put(ROLE, role({}, { uid: "u" }))] },
  { name: "rbac: put what is not there, with revision", asked: [put(ROLE, role({}, { resourceVersion: "5" }))] },
  { name: "rbac: put what is not there, other name", asked: [put(ROLE, role({}, { name: "other" }))] },
  { name: "rbac: put what is not there, by who may not create", asked: [put(ROLE, role(), { as: "replacer" })] },
  { name: "rbac: put a binding that is not there", asked: [put(BINDING, binding()), get(BINDING)] },
  ofBinding("replace subjects", put(BINDING, binding({ subjects: [] })), get(BINDING)),
  ofBinding("replace the role", put(BINDING, binding(refer("other")))),
  ofBinding("replace the role's group with none", put(BINDING, binding({ roleRef: { ...ROLE_REF, apiGroup: "" } }))),
  ofRole("patch merge", patch("merge", ROLE, { metadata: { labels: { a: "b" } } }), get(ROLE)),
  ofRole("patch merge rules", patch("merge", ROLE, { rules: [] }), get(ROLE)),
  ofRole("patch strategic", patch("strategic", ROLE, { rules: [{ ...READ_REQUESTS, verbs: ["list"] }] }), get(ROLE)),
  ofRole("patch strategic away", patch("strategic", ROLE, { rules: null }), get(ROLE)),
  ofRole("patch json", patch("json", ROLE, [{ op: "add", path: "/rules/0/verbs/-", value: "list" }]), get(ROLE)),
  ofRole("patch json, not there", patch("json", ROLE, [{ op: "remove", path: "/rules/7" }])),
  ofRole("patch invalid", patch("merge", ROLE, { rules: [{ verbs: ["get"] }] })),
  ofRole("patch of another shape", patch("merge", ROLE, { rules: "x" })),
  ofRole("patch, dry run", patch("merge", ROLE, { rules: null }, { query: "dryRun=All" }), get(ROLE)),
  ofRole("patch the name", patch("merge", ROLE, { metadata: { name: "other" } })),
  { name: "rbac: patch what is not there", asked: [patch("merge", ROLE, { rules: null })] },
  ofBinding("patch subjects", patch("strategic", BINDING, { subjects: [{ ...OWN_USER, name: "joe" }] }), get(BINDING)),
  ofBinding("patch the role", patch("merge", BINDING, refer("other"))),
];

const DELETE_OPTIONS = { apiVersion: "v1", kind: "DeleteOptions" };
const label = (name: string): object => role({ rules: [READ_REQUESTS] }, { name, labels: { of: "$name" } });
const LABELLED = [postRole(label("$name-b")), postRole(label("$name-a"))];
const MINE = "labelSelector=of%3D$name";
const TABLE = { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } };
const PARTIAL = { headers: { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" } };
const SUBJECTS = [
  OWN_USER,
  { ...OWN_USER, name: "joe" },
  { ...OWN_USER, kind: "Group", name: "g" },
  { kind: "ServiceAccount", namespace: "n", name: "s" },
];

const READS: readonly Row[] = [
  ofRole("delete", send("DELETE", ROLE), get(ROLE)),
  ofRole("delete, dry run", send("DELETE", ROLE, undefined, { query: "dryRun=All" }), get(ROLE)),
  ofRole("delete another uid", send("DELETE", ROLE, { ...DELETE_OPTIONS, preconditions: { uid: "other" } })),
  ofBinding("delete", send("DELETE", BINDING)),
  { name: "rbac: delete what is not there", asked: [send("DELETE", ROLE), send("DELETE", BINDING)] },
  { name: "rbac: get what is not there", asked: [get(ROLE), get(BINDING)] },
  { name: "rbac: list", given: LABELLED, asked: [get(ROLES, { query: MINE })] },
  { name: "rbac: list one", given: LABELLED, asked: [get(ROLES, { query: "fieldSelector=metadata.name%3D$name-a" })] },
  {
    name: "rbac: list by fields that there are not",
    given: LABELLED,
    asked: [get(ROLES, { query: "fieldSelector=spec.signerName%3Da" })],
  },
  {
    name: "rbac: list by namespace",
    given: LABELLED,
    asked: [get(ROLES, { query: `${MINE}&fieldSelector=metadata.namespace%3Da` })],
  },
  { name: "rbac: list a table", given: LABELLED, asked: [get(ROLES, { query: MINE, ...TABLE })] },
  { name: "rbac: list of what is not there", asked: [get(BINDINGS, { query: MINE })] },
  {
    name: "rbac: deletecollection",
    given: LABELLED,
    asked: [send("DELETE", ROLES, undefined, { query: MINE }), get(ROLES, { query: MINE })],
  },
  ofRole("a table", get(ROLE, TABLE)),
  ofRole("metadata only", get(ROLE, PARTIAL)),
  ofRole("YAML", get(ROLE, { headers: { accept: "application/yaml" } })),
  ofRole("protobuf", get(ROLE, { headers: { accept: PROTOBUF_TYPE } })),
  ofRole("a subresource", get(`${ROLE}/status`), put(`${ROLE}/status`, role())),
  ofRole("a method of the collection", send("PUT", ROLES, role())),
  {
    name: "rbac: a table of a binding",
    given: [postBinding(binding({ subjects: SUBJECTS }))],
    asked: [get(BINDING, TABLE), get(BINDING, { headers: { accept: PROTOBUF_TYPE } })],
  },
  {
    name: "rbac: create in protobuf",
    asked: [
      postRole(
        ({ name }) =>
          encodeProtobuf({ ...(role() as object), apiVersion: API_VERSION, kind: "ClusterRole", metadata: { name } }),
        {
          headers: { "content-type": PROTOBUF_TYPE },
        },
      ),
      get(ROLE),
    ],
  },
  {
    name: "rbac: watch",
    given: [postRole(role())],
    asked: [
      {
        watch: `${ROLES}?watch=true&timeoutSeconds=10&fieldSelector=metadata.name%3D$name`,
        meanwhile: [put(ROLE, role({ rules: [] })), send("DELETE", ROLE)],
      },
    ],
  },
  {
    name: "rbac: watch by label, as a stream of everything",
    given: LABELLED,
    asked: [
      {
        watch: `${ROLES}?watch=true&timeoutSeconds=10&${MINE}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
        meanwhile: [patch("merge", `${ROLES}/$name-a`, { metadata: { labels: null } })],
      },
    ],
  },
];

const granted = (name: string, rules: readonly object[], as: Options["as"] = "granter"): Row =>
  created(`as ${as}: ${name}`, role({ rules }), { as });
const grantedBy = (name: string, roleName: string, as: Options["as"] = "granter"): Row => ({
  name: `rbac: bind as ${as}: ${name}`,
  given: [
    postRole(role()),
    postRole(role({ rules: [{ ...READ_REQUESTS, verbs: ["delete"] }] }, { name: "big-$name" })),
  ],
  asked: [postBinding(binding(refer(roleName)), { as })],
});
const things = (overrides: object): object => ({
  ...{ apiGroups: ["example.com"], resources: ["things"], verbs: ["update"], resourceNames: ["a"] },
  ...overrides,
});
const url = (nonResourceURLs: readonly string[], verbs: readonly string[] = ["get"]): object => ({
  nonResourceURLs,
  verbs,
});

/** Who may grant what. */
const ESCALATION: readonly Row[] = [
  granted("what is held", [READ_REQUESTS]),
  granted("nothing", []),
  granted("another verb", [{ ...READ_REQUESTS, verbs: ["get", "delete"] }]),
  granted("every verb", [{ ...READ_REQUESTS, verbs: ["*"] }]),
  granted("another resource", [{ ...READ_REQUESTS, resources: ["signers"] }]),
  granted("a subresource of what is held", [{ ...READ_REQUESTS, resources: ["certificatesigningrequests/status"] }]),
  granted("every resource", [{ ...READ_REQUESTS, resources: ["*"] }]),
  granted("another group", [{ ...READ_REQUESTS, apiGroups: ["x"] }]),
  granted("every group", [{ ...READ_REQUESTS, apiGroups: ["*"] }]),
  granted("one name of what is held", [{ ...READ_REQUESTS, resourceNames: ["a"] }]),
  granted("a name that is held", [things({})]),
  granted("names that are held", [things({ resourceNames: ["b", "a"] })]),
  granted("another name", [things({ resourceNames: ["a", "c"] })]),
  granted("all names", [things({ resourceNames: [] })]),
  granted("a subresource of everything", [things({ resources: ["*/scale"] })]),
  granted("that subresource of one", [things({ resources: ["others/scale"] })]),
  granted("another subresource", [things({ resources: ["things/status"] })]),
  granted("everything in a group", [
    { apiGroups: ["all.example.com"], resources: ["x", "x/y", "*"], verbs: ["*", "z"] },
  ]),
  granted("two groups, one held", [{ apiGroups: ["all.example.com", "y"], resources: ["x"], verbs: ["get"] }]),
  granted("a path that is held", [url(["/one"])]),
  granted("paths below what is held", [url(["/example/a", "/example/a/*", "/example/*"], ["get", "post"])]),
  granted("a path above", [url(["/example"])]),
  granted("every path", [url(["*"])]),
  granted("a path with another verb", [url(["/one"], ["delete"])]),
  granted("an invalid role with too much", [{ ...READ_REQUESTS, verbs: ["delete"], apiGroups: [] }]),
  granted("an invalid role", [{}]),
  granted("too much, invalidly", [{ ...READ_REQUESTS, verbs: ["delete"] }, {}]),
  granted("anything", [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }], "escalator"),
  granted("anything", [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }], "admin"),
  granted("anything", [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }], "masters"),
  granted("an invalid role", [{}], "escalator"),
  created("as granter: an aggregation", aggregating({}), { as: "granter" }),
  created("as escalator: an aggregation", aggregating({}), { as: "escalator" }),
  created("as granter: an aggregation of nothing", role({ aggregationRule: {} }), { as: "granter" }),
  created(
    "as granter: a name that is bad",
    role({ rules: [{ ...READ_REQUESTS, verbs: ["delete"] }] }, { name: "a/b" }),
    { as: "granter" },
  ),
  {
    name: "rbac: create as granter: what is there already, with too much",
    given: [postRole(role())],
    asked: [postRole(rule({ verbs: ["delete"] }), { as: "granter" })],
  },
  ofRole("widened by granter", put(ROLE, rule({ verbs: ["get", "delete"] }), { as: "granter" }), get(ROLE)),
  ofRole("widened by escalator", put(ROLE, rule({ verbs: ["get", "delete"] }), { as: "escalator" }), get(ROLE)),
  ofRole(
    "patched wider by granter",
    patch("merge", ROLE, { rules: [{ ...READ_REQUESTS, verbs: ["*"] }] }, { as: "granter" }),
  ),
  ofRole(
    "stale and wider, by granter",
    put(ROLE, role({ rules: [{ ...READ_REQUESTS, verbs: ["*"] }] }, { resourceVersion: "1" }), { as: "granter" }),
  ),
  ofRole("made aggregating by granter", put(ROLE, aggregating({}), { as: "granter" })),
  {
    name: "rbac: an aggregating role changed by granter",
    given: [postRole(aggregating({ matchLabels: { a: "b" } }))],
    asked: [
      put(ROLE, role({ rules: [] }), { as: "granter" }),
      patch("merge", ROLE, { metadata: { labels: { a: "b" } } }, { as: "granter" }),
      patch("merge", ROLE, { metadata: { finalizers: ["example.com/x"] } }, { as: "granter" }),
    ],
  },
  {
    name: "rbac: a role with too much changed by granter",
    given: [postRole(rule({ verbs: ["delete"] }))],
    asked: [
      patch("merge", ROLE, { metadata: { labels: { a: "b" } } }, { as: "granter" }),
      patch("merge", ROLE, { metadata: { finalizers: ["example.com/x"] } }, { as: "granter" }),
      patch("merge", ROLE, { metadata: { finalizers: null } }, { as: "granter" }),
      patch("merge", ROLE, { rules: null }, { as: "granter" }),
    ],
  },
  {
    name: "rbac: put as granter: what is not there, with too much",
    asked: [put(ROLE, rule({ verbs: ["delete"] }), { as: "granter" })],
  },
  grantedBy("a role that is held", "$name"),
  grantedBy("a role that is not", "big-$name"),
  grantedBy("a role that is not there", "gone-$name"),
  grantedBy("cluster-admin", "cluster-admin"),
  grantedBy("cluster-admin", "cluster-admin", "binder"),
  grantedBy("a role that is not", "big-$name", "binder"),
  grantedBy("a role that is not there", "gone-$name", "binder"),
  grantedBy("a role that is not there", "gone-$name", "admin"),
  {
    name: "rbac: bind as granter: an invalid binding",
    given: [postRole(role())],
    asked: [postBinding(binding({ ...refer("$name"), subjects: [{}] }), { as: "granter" })],
  },
  {
    name: "rbac: a binding of too much changed by granter",
    given: [postBinding(binding(refer("cluster-admin")))],
    asked: [
      patch("merge", BINDING, { subjects: null }, { as: "granter" }),
      patch("merge", BINDING, { metadata: { finalizers: ["example.com/x"] } }, { as: "granter" }),
      patch("merge", BINDING, { subjects: null }, { as: "binder" }),
    ],
  },
];

/** ClusterRoles and ClusterRoleBindings. */
export const RBAC: readonly Row[] = [...ROLE_CONTENT, ...BINDING_CONTENT, ...UPDATES, ...READS, ...ESCALATION];
