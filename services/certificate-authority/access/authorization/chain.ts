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
    let told = "";
    for (let index = 0; index < authorizers.length; index += 1) {
      const decision = authorizers[index]?.decide(user, attributes) ?? NO_OPINION;
      if (decision instanceof Promise) {
        const rest = authorizers.slice(index + 1);
        return decision.then((answer) => go(rest, answer, told, user, attributes));
      }
      if (isFinal(decision)) return decision;
      told = joined(told, decision.reason);
    }
    return refusal(told);
  };
}

/** Goes on after the first answer that had to be waited for. */
async function go(
  rest: readonly ChainedAuthorizer[],
  answer: AccessDecision,
  toldBefore: string,
  user: UserInfo,
  attributes: AccessAttributes,
): Promise<AccessDecision> {
  let decision = answer;
  let told = toldBefore;
  for (const next of [...rest, undefined]) {
    if (isFinal(decision)) return decision;
    told = joined(told, decision.reason);
    if (next !== undefined) decision = await next.decide(user, attributes);
  }
  return refusal(told);
}

function joined(told: string, reason: string): string {
  return told === "" || reason === "" ? told + reason : `${told}; ${reason}`;
}

function isFinal({ allowed, denied }: AccessDecision): boolean {
  return allowed || denied === true;
}

function refusal(reason: string): AccessDecision {
  return reason === "" ? NO_OPINION : { allowed: false, reason };
}
