import { KEY_POLICY_HOOK } from "../../domain/after-chain.ts";
import { type ConfiguredSigners, isServedSigner, NO_CONFIGURED_SIGNERS } from "../../domain/configured-signer.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook, KeyPolicy } from "../../domain/ports.ts";

const ACCEPTABLE: Verdict = {
  kind: "noOpinion",
  reason: "KeyAcceptable",
  message: "nothing speaks against the key",
  evidence: {},
};

const FOREIGN: Verdict = {
  kind: "noOpinion",
  reason: "ForeignSigner",
  message: "another signer judges the key",
  evidence: {},
};

/** Denies what asks us to certify a weak or blocked key, or another node's. It never approves. */
export function keyPolicyHook(policy: KeyPolicy, configured: ConfiguredSigners = NO_CONFIGURED_SIGNERS): ApprovalHook {
  return {
    name: KEY_POLICY_HOOK,
    review({ csr, facts }) {
      if (!isServedSigner(csr.spec.signerName, configured)) return FOREIGN;
      const violation = policy.violation(facts);
      return violation === undefined ? ACCEPTABLE : { kind: "denied", ...violation };
    },
  };
}
