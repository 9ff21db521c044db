const RESTRICTED = "node-restriction.kubernetes.io";
const KUBERNETES = ["kubernetes.io", "k8s.io"] as const;
const KUBELET_PREFIXES = ["kubelet.kubernetes.io", "node.kubernetes.io"] as const;

const KUBELET_LABELS: ReadonlySet<string> = new Set([
  "kubernetes.io/hostname",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
]);

/**
 * Whether a node may not set, change or remove this label of its own: with it, it could draw workloads to itself.
 *
 * Source: kubernetes plugin/pkg/admission/noderestriction/admission.go (getForbiddenLabels) and
 * staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go.
 */
export function isForbiddenLabel(key: string): boolean {
  const slash = key.indexOf("/");
  const prefix = slash === -1 ? "" : key.slice(0, slash);
  if (isWithin(prefix, RESTRICTED)) return true;
  if (!KUBERNETES.some((domain) => isWithin(prefix, domain))) return false;
  return !KUBELET_LABELS.has(key) && !KUBELET_PREFIXES.some((domain) => isWithin(prefix, domain));
}

/** The domain itself or one below it: the dot counts. */
function isWithin(prefix: string, domain: string): boolean {
  return prefix === domain || prefix.endsWith(`.${domain}`);
}
