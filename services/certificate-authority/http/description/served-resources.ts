import { CONFIG_MAP_VERBS } from "../kubernetes-api/config-map-resource.ts";
import { SECRET_VERBS } from "../kubernetes-api/secret-resource.ts";
import { CERTIFICATE_REQUEST, CERTIFICATE_REQUEST_LIST } from "./certificate-schemas.ts";
import { CONFIG_MAP, CONFIG_MAP_LIST, SECRET, SECRET_LIST } from "./core-schemas.ts";
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, CLUSTER_ROLE_BINDING_LIST, CLUSTER_ROLE_LIST } from "./rbac-schemas.ts";

/** A resource as discovery and OpenAPI tell of it. */
export interface ServedResource {
  readonly name: string;
  readonly singularName: string;
  readonly kind: string;
  /** In a namespace; else of the cluster. */
  readonly isNamespaced?: boolean;
  readonly shortNames: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
  /** Names of the schemas of one object and, when objects are stored, of a list. */
  readonly schema: string;
  readonly listSchema: string | undefined;
}

export interface ServedGroupVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly ServedResource[];
}

const CHANGES = ["get", "patch", "update"];

const ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

const CERTIFICATE_SIGNING_REQUESTS: ServedResource = {
  name: "certificatesigningrequests",
  singularName: "certificatesigningrequest",
  kind: "CertificateSigningRequest",
  shortNames: ["csr"],
  verbs: ALL_VERBS,
  subresources: [
    { name: "approval", verbs: CHANGES },
    { name: "status", verbs: CHANGES },
  ],
  schema: CERTIFICATE_REQUEST,
  listSchema: CERTIFICATE_REQUEST_LIST,
};

function plainResource(kind: string, schema: string, listSchema: string): ServedResource {
  const singularName = kind.toLowerCase();
  const names = { name: `${singularName}s`, singularName, kind, shortNames: [] };
  return { ...names, verbs: ALL_VERBS, subresources: [], schema, listSchema };
}

function reviewResource(kind: string, schemaPrefix: string): ServedResource {
  const singularName = kind.toLowerCase();
  return {
    name: `${singularName}s`,
    singularName,
    kind,
    shortNames: [],
    verbs: ["create"],
    subresources: [],
    schema: `io.k8s.api.${schemaPrefix}.${kind}`,
    listSchema: undefined,
  };
}

/** What is served below `/api/v1`. */
export const CORE: ServedGroupVersion = {
  group: "",
  version: "v1",
  resources: [
    { ...plainResource("ConfigMap", CONFIG_MAP, CONFIG_MAP_LIST), isNamespaced: true, verbs: CONFIG_MAP_VERBS },
    { ...plainResource("Secret", SECRET, SECRET_LIST), isNamespaced: true, verbs: SECRET_VERBS },
  ],
};

/**
 * Everything that is served below `/apis`, preferred versions first. What is not served must not stand here: kubectl
 * calls whatever it finds.
 */
export const SERVED: readonly ServedGroupVersion[] = [
  {
    group: "authentication.k8s.io",
    version: "v1",
    resources: [reviewResource("SelfSubjectReview", "authentication.v1")],
  },
  {
    group: "authentication.k8s.io",
    version: "v1beta1",
    resources: [reviewResource("SelfSubjectReview", "authentication.v1beta1")],
  },
  {
    group: "authorization.k8s.io",
    version: "v1",
    resources: [
      reviewResource("SelfSubjectAccessReview", "authorization.v1"),
      reviewResource("SelfSubjectRulesReview", "authorization.v1"),
      reviewResource("SubjectAccessReview", "authorization.v1"),
    ],
  },
  { group: "certificates.k8s.io", version: "v1", resources: [CERTIFICATE_SIGNING_REQUESTS] },
  {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    resources: [
      plainResource("ClusterRoleBinding", CLUSTER_ROLE_BINDING, CLUSTER_ROLE_BINDING_LIST),
      plainResource("ClusterRole", CLUSTER_ROLE, CLUSTER_ROLE_LIST),
    ],
  },
];
