/**
 * What the graph knows, each kind with the plural under which the API has it. Nodes are where paths end. Cluster-scoped
 * kinds are kept in namespace "".
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/graph.go (vertex types).
 */
export const OBJECT_KINDS = [
  { kind: "secret", group: "", resource: "secrets" },
  { kind: "configMap", group: "", resource: "configmaps" },
  { kind: "persistentVolumeClaim", group: "", resource: "persistentvolumeclaims" },
  { kind: "resourceClaim", group: "resource.k8s.io", resource: "resourceclaims" },
  { kind: "serviceAccount", group: "", resource: "serviceaccounts" },
  { kind: "volumeAttachment", group: "storage.k8s.io", resource: "volumeattachments" },
  { kind: "resourceSlice", group: "resource.k8s.io", resource: "resourceslices" },
  { kind: "podCertificateRequest", group: "certificates.k8s.io", resource: "podcertificaterequests" },
  { kind: "pod", group: "", resource: "pods" },
  { kind: "persistentVolume", group: "", resource: "persistentvolumes" },
  { kind: "node", group: "", resource: "nodes" },
] as const;

export type ObjectKind = (typeof OBJECT_KINDS)[number]["kind"];

/** The number of a kind is its place above; nodes need none. */
export const SECRET = 0;
export const CONFIG_MAP = 1;
export const CLAIM = 2;
export const RESOURCE_CLAIM = 3;
export const SERVICE_ACCOUNT = 4;
export const ATTACHMENT = 5;
export const SLICE = 6;
export const CERTIFICATE_REQUEST = 7;
export const POD = 8;
export const VOLUME = 9;

/** Kinds whose objects belong to one node by themselves, not through pods. */
export type BoundKind = typeof ATTACHMENT | typeof SLICE | typeof CERTIFICATE_REQUEST;

/** One object of the cluster, which need not exist. */
export interface ObjectRef {
  readonly kind: ObjectKind;
  /** Empty for kinds without one. */
  readonly namespace: string;
  readonly name: string;
}

export function kindName(kind: number): ObjectKind {
  const known = OBJECT_KINDS[kind];
  if (known === undefined) throw new RangeError(`there is no kind ${kind}`);
  return known.kind;
}

export function kindNumber(kind: ObjectKind): number {
  return OBJECT_KINDS.findIndex((known) => known.kind === kind);
}

/** The object that a request names, or undefined when the graph knows no such kind. */
export function objectRefOf(group: string, resource: string, namespace: string, name: string): ObjectRef | undefined {
  const known = OBJECT_KINDS.find((candidate) => candidate.group === group && candidate.resource === resource);
  return known && { kind: known.kind, namespace, name };
}
