import type { UserInfo } from "../../../shared/user-info.ts";
import { type AccessAttributes, type AccessDecision, privilegedGroupOf } from "../../domain/authorization.ts";

/** One of several that are asked. */
export interface ChainedAuthorizer {
  /** Neither allowed nor denied is no opinion. Never throws: failing to find out is an answer that settings choose. */
  decide(user: UserInfo, attributes: AccessAttributes): AccessDecision | Promise<AccessDecision>;
}

const NO_OPINION: AccessDecision = { allowed: false, reason: "" };

/** Allows members of the privileged groups everything. */
export const privilegedGroups: ChainedAuthorizer = {
  decide(user) {
    const group = privilegedGroupOf(user);
    return group === undefined ? NO_OPINION : { allowed: true, reason: `group "${group}" has every right` };
  },
};

/**
 * Asks one after the other until one allows or denies; nobody's opinion is a refusal. Answers at once, and not in a
 * promise, when all who were asked did: that is most of the traffic.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authorization/union/union.go.
 */
export function chainAuthorizers(
  authorizers: readonly ChainedAuthorizer[],
): (user: UserInfo, attributes: AccessAttributes) => AccessDecision | Promise<AccessDecision> {
  return (user, attributes) => {
    const reasons: string[] = [];
    for (const [index, authorizer] of authorizers.entries()) {
      const decision = authorizer.decide(user, attributes);
      if (decision instanceof Promise) {
        return decision.then((answer) => go(authorizers.slice(index + 1), answer, reasons, user, attributes));
      }
      if (isFinal(decision)) return decision;
      if (decision.reason !== "") reasons.push(decision.reason);
    }
    return refusal(reasons);
  };
}

/** Goes on after the first answer that had to be waited for. */
async function go(
  rest: readonly ChainedAuthorizer[],
  answer: AccessDecision,
  reasons: string[],
  user: UserInfo,
  attributes: AccessAttributes,
): Promise<AccessDecision> {
  let decision = answer;
  for (const next of [...rest, undefined]) {
    if (isFinal(decision)) return decision;
    if (decision.reason !== "") reasons.push(decision.reason);
    if (next !== undefined) decision = await next.decide(user, attributes);
  }
  return refusal(reasons);
}

function isFinal({ allowed, denied }: AccessDecision): boolean {
  return allowed || denied === true;
}

function refusal(reasons: readonly string[]): AccessDecision {
  return reasons.length === 0 ? NO_OPINION : { allowed: false, reason: reasons.join("; ") };
}
