import { z } from "zod";
import { resolveEvidencePaths } from "./evidence/settings.ts";
import { guardsSchema } from "./guards/settings.ts";
import { kubeletServingShape } from "./hooks/kubelet-serving-settings.ts";
import { nodeAttestationShape } from "./hooks/node-attestation-settings.ts";
import { checkPolicySource, policyShape, resolvePolicyPaths } from "./hooks/policy-settings.ts";
import { resolveScriptPaths, scriptShape } from "./hooks/script-settings.ts";
import { checkWebhook, resolveWebhookPaths, webhookShape } from "./hooks/webhook-settings.ts";

const patterns = z.array(z.string().min(1).max(253)).min(1).max(100);

/** What every kind of hook may be told. */
const commonHookShape = {
  /** In traces, messages and metrics; the kind when absent. */
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and -, at most 63 characters")
    .optional(),
  /** Without this hook's approval there is none. */
  required: z.boolean().default(false),
  /** Patterns of signer names that the hook is asked about; all when absent. */
  signers: patterns.optional(),
  /** Who must have asked for the hook to be asked: one of the users, or of one of the groups; anybody when absent. */
  requesters: z
    .strictObject({ users: patterns.optional(), groups: patterns.optional() })
    .refine(({ users, groups }) => users !== undefined || groups !== undefined, "needs users, groups, or both")
    .optional(),
};

/** What hooks may be told that wait for somebody outside. */
export const outsideHookShape = {
  ...commonHookShape,
  /** How long one answer may take; then the hook could not evaluate, and is asked again later. */
  timeoutSeconds: z.number().min(0.1).max(300).default(10),
  /** How many requests it is asked about at a time; others wait in line. */
  concurrency: z.int().min(1).max(1024).default(8),
};

const manualSchema = z.strictObject({
  ...commonHookShape,
  /** How many different people have to approve; whoever asked for the certificate does not count where it is more than 1. */
  quorum: z.int().min(1).max(10).default(1),
});

/** One key: the kind of hook. */
const hookSchema = z.union([
  z.strictObject({ manual: manualSchema }),
  z.strictObject({ "kubelet-client": z.strictObject(commonHookShape) }),
  z.strictObject({ "node-attestation": z.strictObject({ ...commonHookShape, ...nodeAttestationShape }) }),
  z.strictObject({
    /** Whoever shows a live certificate may have the same again; of these signers only. */
    "self-renewal": z.strictObject({ ...commonHookShape, signers: patterns }),
  }),
  z.strictObject({ policy: z.strictObject({ ...commonHookShape, ...policyShape }).superRefine(checkPolicySource) }),
  z.strictObject({ "kubelet-serving": z.strictObject({ ...outsideHookShape, ...kubeletServingShape }) }),
  z.strictObject({ script: z.strictObject({ ...outsideHookShape, ...scriptShape }) }),
  z.strictObject({ webhook: z.strictObject({ ...outsideHookShape, ...webhookShape }).superRefine(checkWebhook) }),
]);

/** The part `approval` of the configuration. */
export const approvalSchema = z
  .strictObject({
    hooks: z
      .array(hookSchema)
      .min(1)
      .max(100)
      .default([{ manual: { required: false, quorum: 1 } }, { "kubelet-client": { required: false } }]),
    /** What keeps requests from getting too many, and a node's name from changing hands. */
    guards: guardsSchema,
    /** A chain that only records where it would decide otherwise; by the same guards. */
    shadow: z.strictObject({ hooks: z.array(hookSchema).min(1).max(100) }).optional(),
  })
  .prefault({});

export type ApprovalSettings = z.infer<typeof approvalSchema>;
export type HookSettings = ApprovalSettings["hooks"][number];

/** The settings with every path made absolute by `resolve`. */
export function resolveApprovalPaths(approval: ApprovalSettings, resolve: (path: string) => string): ApprovalSettings {
  const absolute = (hook: HookSettings): HookSettings => {
    if ("policy" in hook) return { policy: resolvePolicyPaths(hook.policy, resolve) };
    if ("script" in hook) return { script: resolveScriptPaths(hook.script, resolve) };
    if ("webhook" in hook) return { webhook: resolveWebhookPaths(hook.webhook, resolve) };
    if (!("kubelet-serving" in hook)) return hook;
    const serving = hook["kubelet-serving"];
    return { "kubelet-serving": { ...serving, sources: resolveEvidencePaths(serving.sources, resolve) } };
  };
  const { hooks, shadow } = approval;
  return { ...approval, hooks: hooks.map(absolute), ...(shadow && { shadow: { hooks: shadow.hooks.map(absolute) } }) };
}
