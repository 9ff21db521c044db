import type { FeatureGates } from "../feature-gates.ts";
import type { AccessQuestion } from "../questions.ts";

interface StaticRule {
  readonly groups: readonly string[];
  /** `resource` or `resource/subresource`. */
  readonly resource: string;
  readonly verbs: readonly string[];
}

const READ = ["get", "list", "watch"] as const;

/** What every node may do, whatever runs on it. */
const EVERYWHERE: readonly StaticRule[] = [
  { groups: ["authentication.k8s.io"], resource: "tokenreviews", verbs: ["create"] },
  { groups: ["authorization.k8s.io"], resource: "subjectaccessreviews", verbs: ["create"] },
  { groups: ["authorization.k8s.io"], resource: "localsubjectaccessreviews", verbs: ["create"] },
  { groups: [""], resource: "services", verbs: READ },
  { groups: [""], resource: "endpoints", verbs: ["get"] },
  { groups: ["", "events.k8s.io"], resource: "events", verbs: ["create", "update", "patch"] },
  { groups: ["certificates.k8s.io"], resource: "certificatesigningrequests", verbs: ["create", ...READ] },
  { groups: ["storage.k8s.io"], resource: "csidrivers", verbs: READ },
  { groups: ["node.k8s.io"], resource: "runtimeclasses", verbs: READ },
];

const TRUST_BUNDLES: readonly StaticRule[] = [
  { groups: ["certificates.k8s.io"], resource: "clustertrustbundles", verbs: READ },
];

/** Before nodes and pods were told apart by selector. */
const WITHOUT_SELECTORS: readonly StaticRule[] = [
  { groups: [""], resource: "nodes", verbs: ["create", ...READ, "update", "patch"] },
  { groups: [""], resource: "nodes/status", verbs: ["update", "patch"] },
  { groups: [""], resource: "pods", verbs: [...READ, "create", "delete"] },
  { groups: [""], resource: "pods/status", verbs: ["update", "patch"] },
  { groups: [""], resource: "pods/eviction", verbs: ["create"] },
];

/**
 * Whether a node may do what the question asks because all nodes may. No rule has wildcards, names or paths.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (NodeRules).
 */
export function createStaticRules(gates: FeatureGates): (question: AccessQuestion) => boolean {
  const rules = [
    ...EVERYWHERE,
    ...(gates.ClusterTrustBundle ? TRUST_BUNDLES : []),
    ...(gates.AuthorizeNodeWithSelectors ? [] : WITHOUT_SELECTORS),
  ];
  const byResource = new Map<string, readonly StaticRule[]>();
  for (const rule of rules) byResource.set(rule.resource, [...(byResource.get(rule.resource) ?? []), rule]);
  return ({ isResourceRequest, group, resource, subresource, verb }) => {
    if (!isResourceRequest) return false;
    const asked = byResource.get(subresource === "" ? resource : `${resource}/${subresource}`);
    return asked?.some(({ groups, verbs }) => groups.includes(group) && verbs.includes(verb)) ?? false;
  };
}
