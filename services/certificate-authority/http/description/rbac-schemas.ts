import { META } from "./meta-schemas.ts";
import { list, mapOf, object, reference, type Schema, type Schemas, TYPE_FIELDS, text } from "./schema.ts";

const PREFIX = "io.k8s.api.rbac.v1.";
const META_PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const GROUP = "rbac.authorization.k8s.io";

export const CLUSTER_ROLE = `${PREFIX}ClusterRole`;
export const CLUSTER_ROLE_LIST = `${PREFIX}ClusterRoleList`;
export const CLUSTER_ROLE_BINDING = `${PREFIX}ClusterRoleBinding`;
export const CLUSTER_ROLE_BINDING_LIST = `${PREFIX}ClusterRoleBindingList`;
const RULE = `${PREFIX}PolicyRule`;
const AGGREGATION = `${PREFIX}AggregationRule`;
const SUBJECT = `${PREFIX}Subject`;
const ROLE_REF = `${PREFIX}RoleRef`;
const LABEL_SELECTOR = `${META_PREFIX}LabelSelector`;
const LABEL_REQUIREMENT = `${META_PREFIX}LabelSelectorRequirement`;

const strings = (description: string): Schema => list({ type: "string" }, description);
const kinds = (kind: string) => [{ group: GROUP, version: "v1", kind }];
const metadata = reference(META.objectMeta, "Name, labels and other data about the object.");

function listSchema(kind: string, item: string, what: string): Schema {
  const items: Schema = {
    type: "array",
    items: reference(item),
    description: `The ${what}, in the order of their names.`,
  };
  const listMeta = reference(META.listMeta, "Revision and paging of the list.");
  return object(`Several ${kind}s.`, { ...TYPE_FIELDS, metadata: listMeta, items }, ["items"], kinds(`${kind}List`));
}

const POLICY_RULE = object(
  "Allows verbs on resources or on paths, never on both.",
  {
    verbs: strings("What may be done, such as get, list, create, approve; * for everything."),
    apiGroups: strings('Groups of the resources; "" for core, * for all.'),
    resources: strings("Plural names, or plural/subresource; * for all, */name for that subresource of all."),
    resourceNames: strings("The only objects that are meant; none for all of them."),
    nonResourceURLs: strings("Paths such as /metrics; * as the last character stands for whatever follows."),
  },
  ["verbs"],
);

/** Source for names, types and list kinds: kubernetes staging/src/k8s.io/api/rbac/v1/types.go. */
export const RBAC_SCHEMAS: Schemas = {
  [CLUSTER_ROLE]: object(
    "A set of rights. It counts for those to whom a binding grants it. Nobody can give it rights that they do not hold, unless they may escalate.",
    {
      ...TYPE_FIELDS,
      metadata,
      rules: list(reference(RULE), "The rights."),
      aggregationRule: reference(AGGREGATION, "Gathers the rights of other roles, in place of rules."),
    },
    [],
    kinds("ClusterRole"),
  ),
  [CLUSTER_ROLE_LIST]: listSchema("ClusterRole", CLUSTER_ROLE, "roles"),
  [CLUSTER_ROLE_BINDING]: object(
    "Grants a ClusterRole. Nobody can grant rights that they do not hold, unless they may bind the role.",
    {
      ...TYPE_FIELDS,
      metadata,
      subjects: list(reference(SUBJECT), "To whom the role is granted."),
      roleRef: reference(ROLE_REF, "The role. It cannot be changed: delete the binding and make another."),
    },
    ["roleRef"],
    kinds("ClusterRoleBinding"),
  ),
  [CLUSTER_ROLE_BINDING_LIST]: listSchema("ClusterRoleBinding", CLUSTER_ROLE_BINDING, "bindings"),
  [RULE]: POLICY_RULE,
  [AGGREGATION]: object("Which roles are gathered.", {
    clusterRoleSelectors: list(reference(LABEL_SELECTOR), "A role that any of them fits is gathered."),
  }),
  [SUBJECT]: object(
    "A user, a group or a service account.",
    {
      kind: text("User, Group or ServiceAccount."),
      apiGroup: text(
        "rbac.authorization.k8s.io for users and groups, empty for service accounts; filled in when absent.",
      ),
      name: text("Its name."),
      namespace: text("Of a service account."),
    },
    ["kind", "name"],
    [],
  ),
  [ROLE_REF]: object(
    "Names a role.",
    {
      apiGroup: text("Always rbac.authorization.k8s.io."),
      kind: text("Always ClusterRole here."),
      name: text("Name of the role."),
    },
    ["kind", "name"],
  ),
  [LABEL_SELECTOR]: object("Selects objects by their labels; all parts must hold. Empty, it selects everything.", {
    matchLabels: mapOf({ type: "string" }, "Labels with the values that they must have."),
    matchExpressions: list(reference(LABEL_REQUIREMENT), "Further conditions."),
  }),
};
