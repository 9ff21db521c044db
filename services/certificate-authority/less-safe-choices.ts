import type { Logger } from "../shared/logging.ts";
import { approvalWarnings } from "./approval/approval-warnings.ts";
import { attestationWarnings } from "./attestation/attestation-warnings.ts";
import type { Configuration } from "./configuration.ts";
import { keyPolicyRelaxations } from "./domain/key-policy.ts";
import { issuerWarnings } from "./issuer-warnings.ts";
import { disabledJobs } from "./rotation/scheduler/settings.ts";

/** Each way to be less safe says so at every start. */
export function nameLessSafeChoices(configuration: Configuration, logger: Logger): void {
  const { server, ledger, keyPolicy, approval, bootstrapTokens } = configuration;
  const isLoopback = /^(127\.|\[::1\]|localhost:)/.test(server.listen);
  if (!isLoopback)
    logger.warn(
      { listen: server.listen },
      "listening beyond loopback: everybody who reaches this address may try to log in",
    );
  for (const relaxation of keyPolicyRelaxations(keyPolicy)) logger.warn(relaxation);
  for (const warning of issuerWarnings(configuration)) logger.warn(warning);
  for (const warning of approvalWarnings(approval)) logger.warn(warning);
  const isAsked = approval.hooks.some((hook) => "node-attestation" in hook);
  for (const warning of attestationWarnings(configuration.attestation, { isAsked })) logger.warn(warning);
  if (bootstrapTokens.keepSigningSecrets)
    logger.warn("bootstrapTokens.keepSigningSecrets is set: administrators can read the secrets of tokens that sign");
  if (bootstrapTokens.publishClusterInfo)
    logger.warn(
      "bootstrapTokens.publishClusterInfo is set: anybody reads signatures by which weak secrets can be guessed",
    );
  for (const job of disabledJobs(configuration.jobs))
    logger.warn({ job }, "a job is disabled: it runs only when somebody runs it");
  if (ledger.commitDelayMilliseconds > 0)
    logger.warn("ledger.commitDelayMilliseconds is set: every commit is slowed down on purpose");
}
