import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import type { PolicySettings } from "../../services/certificate-authority/approval/hooks/policy/source.ts";
import { policyHook } from "../../services/certificate-authority/approval/hooks/policy.ts";
import { policyShape } from "../../services/certificate-authority/approval/hooks/policy-settings.ts";
import type { Verdict } from "../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook } from "../../services/certificate-authority/domain/ports.ts";
import { requestOfDocument } from "../../services/certificate-authority/domain/request-of-document.ts";
import type { ReviewDocument } from "../../services/certificate-authority/domain/review-document.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { document } from "./review-document.ts";

/** A hook of rules as the configuration would have them. */
export function policyOf(rules: readonly object[], variables?: Readonly<Record<string, string>>): ApprovalHook {
  const settings = z.strictObject(policyShape).parse({ rules, ...(variables && { variables }) });
  return openPolicy(settings);
}

/** A hook as the configuration would have it, required. */
export function openPolicy(settings: PolicySettings): ApprovalHook {
  return policyHook(settings, { where: "approval.hooks policy", required: true, logger: recordingLogger().logger });
}

/** Writes a file of rules; what is not given is left out. */
export function policyFile(directory: string, name: string, content: object): string {
  const file = join(directory, name);
  writeFileSync(file, stringify({ apiVersion: "gatehouse.dev/v1", kind: "ApprovalPolicy", ...content }));
  return file;
}

/** What a hook says of a document, whose `previous` it is given only when it asks. */
export function ask(hook: ApprovalHook, asked: ReviewDocument = document()): Verdict | Promise<Verdict> {
  return hook.review({ ...requestOfDocument(asked), document: async () => asked });
}
