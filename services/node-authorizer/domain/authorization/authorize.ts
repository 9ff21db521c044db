import { isNode, NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";
import type { AccessQuestion, AccessVerdict } from "../questions.ts";
import { ALLOW, NO_OPINION } from "../verdicts.ts";
import { UNKNOWN_NODE } from "./reasons.ts";
import { createResourceRules } from "./resource-rules.ts";
import { createStaticRules } from "./static-rules.ts";

/**
 * The decision: allow, or no opinion with a reason. Never denies: nodes may have more from others.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/node_authorizer.go (Authorize).
 */
export function createAuthorize(
  graph: ReferenceGraph,
  gates: FeatureGates,
): (question: AccessQuestion) => AccessVerdict {
  const resourceRules = createResourceRules(graph, gates);
  const isAllowedEverywhere = createStaticRules(gates);
  return (question) => {
    const { user, group, resource } = question;
    if (user === undefined || !isNode(user)) return NO_OPINION;
    if (user.username.length === NODE_USER_PREFIX.length) return UNKNOWN_NODE;
    const rule = question.isResourceRequest ? resourceRules.get(resource) : undefined;
    if (rule !== undefined && rule.group === group) return rule.decide(question, user.username);
    return isAllowedEverywhere(question) ? ALLOW : NO_OPINION;
  };
}
