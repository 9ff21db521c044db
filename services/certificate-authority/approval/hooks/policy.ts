import { goOn } from "../../../shared/go-on.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { reviewDocument } from "../../domain/review-document.ts";
import { compilePolicy } from "./policy/compile.ts";
import { judge, needsLookUp, PolicyRun } from "./policy/evaluate.ts";
import { type PolicySettings, readPolicySource } from "./policy/source.ts";

/**
 * Decides by rules: expressions of the Common Expression Language over what is known of the request. They are read and
 * checked here, once. It answers at once, but where a rule that applies asks for the node's previous certificates.
 *
 * @param where - the part of the configuration, for messages.
 * @throws {PolicyError} naming everything that is wrong, with file, rule and character.
 */
export function policyHook(settings: PolicySettings, where: string): ApprovalHook {
  const policy = compilePolicy(readPolicySource(settings, where));
  return {
    name: "policy",
    review(input) {
      const run = new PolicyRun(reviewDocument(input, []));
      if (!needsLookUp(policy, run)) return judge(policy, run);
      return goOn(input.document(), (document) => judge(policy, new PolicyRun(document)));
    },
  };
}
