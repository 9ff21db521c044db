import { goOn } from "../../../shared/go-on.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { reviewDocument } from "../../domain/review-document.ts";
import { compilePolicy } from "./policy/compile.ts";
import { judge, needsLookUp, PolicyRun } from "./policy/evaluate.ts";
import { type PolicySettings, readPolicySource } from "./policy/source.ts";

export interface PolicyPlace {
  /** The part of the configuration, for messages. */
  readonly where: string;
  /** Whether nobody else's approval counts without the hook's. */
  readonly required: boolean;
  readonly logger: Logger;
}

/**
 * Decides by rules: expressions of the Common Expression Language over what is known of the request. They are read and
 * checked here, once. It answers at once, but where a rule that applies asks for the node's previous certificates.
 * Rules that hold do so only where the hook is required; where it is not, that is said in the log.
 *
 * @throws {PolicyError} naming everything that is wrong, with file, rule and character.
 */
export function policyHook(settings: PolicySettings, { where, required, logger }: PolicyPlace): ApprovalHook {
  const policy = compilePolicy(readPolicySource(settings, where));
  const holding = policy.rules.filter(({ effect, otherwise }) => effect === "require" && otherwise === "hold");
  if (holding.length > 0 && !required) {
    const rules = holding.map(({ name }) => name);
    logger.warn({ rules }, `${where} is not required: what its rules hold is approved when another hook approves it`);
  }
  return {
    name: "policy",
    files: () => policy.files,
    review(input) {
      const run = new PolicyRun(reviewDocument(input, []));
      if (!needsLookUp(policy, run)) return judge(policy, run);
      return goOn(input.document(), (document) => judge(policy, new PolicyRun(document)));
    },
  };
}
