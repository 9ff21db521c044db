import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { ObjectStore } from "../../domain/ports.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type ClusterRole,
  type ClusterRoleBinding,
  type ClusterRoleBindingContent,
  type ClusterRoleContent,
  RBAC_API_VERSION,
  type RoleReference,
  type RuleFields,
  type SelectorRequirementFields,
  type SubjectFields,
} from "../../domain/rbac/objects.ts";
import type { ObjectDraft, Registry } from "../../registry/contract.ts";
import type { Route } from "../call.ts";
import { BLANK_META, type Column, type ResourceApi, type ResourceType, type ServingParts } from "./resource-api.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { ageOf } from "./table.ts";

const column = (name: string, description: string, more: Partial<Column> = {}): Column => {
  return { name, type: "string", format: "", description, priority: 0, ...more };
};
const NAME = column("Name", "Name of the object, unique in the cluster.", { format: "name" });

/** Objects of the cluster are in no namespace, and may be asked for by that. */
const FIELDS = { "metadata.namespace": () => "" };

/** Source of the columns: kubernetes pkg/printers/internalversion/printers.go. */
const CLUSTER_ROLE_TYPE: ResourceType<ClusterRole, ObjectDraft<ClusterRoleContent>> = {
  names: CLUSTER_ROLES,
  version: "v1",
  fields: FIELDS,
  blank: { apiVersion: RBAC_API_VERSION, kind: CLUSTER_ROLES.kind, metadata: BLANK_META, rules: null },
  columns: [NAME, column("Created At", "When the role was created.", { type: "date" })],
  cells: ({ metadata }) => [metadata.name, metadata.creationTimestamp || "<unknown>"],
  toDraft: (metadata, decoded) => ({ metadata, content: clusterRoleContent(decoded) }),
};

const WIDE = { priority: 1 } as const;

const CLUSTER_ROLE_BINDING_TYPE: ResourceType<ClusterRoleBinding, ObjectDraft<ClusterRoleBindingContent>> = {
  names: CLUSTER_ROLE_BINDINGS,
  version: "v1",
  fields: FIELDS,
  blank: {
    apiVersion: RBAC_API_VERSION,
    kind: CLUSTER_ROLE_BINDINGS.kind,
    metadata: BLANK_META,
    roleRef: { apiGroup: "", kind: "", name: "" },
  },
  columns: [
    NAME,
    column("Role", "The role that is granted."),
    column("Age", "Time since the binding was created."),
    column("Users", "The users to whom it is granted.", WIDE),
    column("Groups", "The groups to whom it is granted.", WIDE),
    column("ServiceAccounts", "The service accounts to whom it is granted.", WIDE),
  ],
  cells: ({ metadata, roleRef, subjects = [] }, now) => [
    metadata.name,
    `${roleRef.kind}/${roleRef.name}`,
    ageOf(metadata, now),
    namesOf(subjects, "User"),
    namesOf(subjects, "Group"),
    namesOf(subjects, "ServiceAccount"),
  ],
  toDraft: (metadata, decoded) => ({ metadata, content: clusterRoleBindingContent(decoded) }),
};

/** The registry and the store of one kind. */
export interface Served<T extends ApiObject, Content> {
  readonly store: ObjectStore<T>;
  readonly registry: Registry<T, Content>;
}

export interface RbacApiDependencies extends ServingParts {
  readonly clusterRoles: Served<ClusterRole, ClusterRoleContent>;
  readonly clusterRoleBindings: Served<ClusterRoleBinding, ClusterRoleBindingContent>;
}

/** Where Express mounts ClusterRoles and ClusterRoleBindings. */
export function rbacRoutes({ clusterRoles, clusterRoleBindings, ...parts }: RbacApiDependencies): readonly Route[] {
  return [
    ...resourceRoutes(plainApi(CLUSTER_ROLE_TYPE, clusterRoles, parts)),
    ...resourceRoutes(plainApi(CLUSTER_ROLE_BINDING_TYPE, clusterRoleBindings, parts)),
  ];
}

/** An object without subresources, written through a registry. */
function plainApi<T extends ApiObject, Content>(
  type: ResourceType<T, ObjectDraft<Content>>,
  { store, registry }: Served<T, Content>,
  parts: ServingParts,
): ResourceApi<T, ObjectDraft<Content>, "main"> {
  return {
    ...parts,
    type,
    reader: store,
    writes: {
      create: (requester, draft, options) => registry.create(requester, draft, options),
      update: (requester, name, _target, change, options) => registry.update(requester, name, change, options),
      remove: (requester, name, held, options) => registry.remove(requester, name, held, options),
    },
    targets: new Map([["", "main"]]),
  };
}

function namesOf(subjects: readonly SubjectFields[], wanted: string): string {
  const shown = subjects
    .filter(({ kind }) => kind === wanted)
    .map(({ name, namespace }) => (wanted === "ServiceAccount" ? `${namespace}/${name}` : name));
  return shown.join(", ");
}

/** What decoding leaves: each field has its type or is missing. */
interface DecodedClusterRole {
  readonly rules?: readonly Partial<RuleFields>[];
  readonly aggregationRule?: {
    readonly clusterRoleSelectors?: readonly {
      readonly matchLabels?: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly Partial<SelectorRequirementFields>[];
    }[];
  };
}

function clusterRoleContent(decoded: JsonObject): ClusterRoleContent {
  const { rules = [], aggregationRule } = decoded as JsonObject & DecodedClusterRole;
  const selectors = aggregationRule?.clusterRoleSelectors?.map(({ matchLabels = {}, matchExpressions = [] }) => {
    const requirements = matchExpressions.map(({ key = "", operator = "", values = [] }) => {
      return { key, operator, ...(values.length > 0 && { values }) };
    });
    return {
      ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
      ...(requirements.length > 0 && { matchExpressions: requirements }),
    };
  });
  return {
    rules: rules.length === 0 ? null : rules.map(ruleFields),
    ...(aggregationRule && {
      aggregationRule: selectors && selectors.length > 0 ? { clusterRoleSelectors: selectors } : {},
    }),
  };
}

/** Empty lists are left out, as Kubernetes leaves them out. */
function ruleFields({ verbs = [], ...lists }: Partial<RuleFields>): RuleFields {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = lists;
  return {
    verbs,
    ...(apiGroups.length > 0 && { apiGroups }),
    ...(resources.length > 0 && { resources }),
    ...(resourceNames.length > 0 && { resourceNames }),
    ...(nonResourceURLs.length > 0 && { nonResourceURLs }),
  };
}

interface DecodedClusterRoleBinding {
  readonly subjects?: readonly Partial<SubjectFields>[];
  readonly roleRef?: Partial<RoleReference>;
}

function clusterRoleBindingContent(decoded: JsonObject): ClusterRoleBindingContent {
  const { subjects = [], roleRef = {} } = decoded as JsonObject & DecodedClusterRoleBinding;
  const { apiGroup = "", kind = "", name = "" } = roleRef;
  const shown = subjects.map((subject) => ({ kind: "", name: "", ...subject }));
  return { ...(shown.length > 0 && { subjects: shown }), roleRef: { apiGroup, kind, name } };
}
