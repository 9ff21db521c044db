import { z } from "zod";

const MAXIMUM_AUTHORIZERS = 16;
const HOUR_SECONDS = 3_600;

const rbacSchema = z.strictObject({ type: z.literal("RBAC") });

const webhookSchema = z.strictObject({
  type: z.literal("Webhook"),
  /** For logs and metrics. */
  name: z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, "must be a short lower-case name such as policy"),
  /** As kube-apiserver's --authorization-webhook-config-file: the cluster is the webhook, the user is we. */
  kubeconfigFile: z.string().min(1),
  timeoutSeconds: z.number().positive().max(30).default(3),
  /** How long an answer is remembered; 0 for not at all. */
  authorizedTtlSeconds: z.number().min(0).max(HOUR_SECONDS).default(300),
  unauthorizedTtlSeconds: z.number().min(0).max(HOUR_SECONDS).default(30),
  /** What no answer means: that the next authorizer is asked, or that the request is refused. */
  failurePolicy: z.enum(["NoOpinion", "Deny"]),
  /** Kubernetes' way to spare the webhook requests; named here so that its absence is told rather than ignored. */
  matchConditions: z
    .undefined({ error: "CEL expressions are not supported: leave matchConditions out, and let the webhook answer" })
    .optional(),
});

/** One authorizer. */
const authorizerSchema = z.discriminatedUnion("type", [rbacSchema, webhookSchema], {
  error: "type must be RBAC or Webhook",
});

export type AuthorizerSettings = z.infer<typeof authorizerSchema>;
export type WebhookAuthorizerSettings = Extract<AuthorizerSettings, { type: "Webhook" }>;

/**
 * Who decides what callers may do, in the order in which they are asked.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go (AuthorizationConfiguration).
 */
export const authorizationSchema = z
  .array(authorizerSchema)
  .min(1)
  .max(MAXIMUM_AUTHORIZERS)
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const identity = entry.type === "RBAC" ? "RBAC" : `Webhook ${entry.name}`;
      if (seen.has(identity)) context.addIssue({ code: "custom", path: [index], message: `${identity} occurs twice` });
      seen.add(identity);
    }
  })
  .default([{ type: "RBAC" }]);

/** The settings with every path made absolute by `resolve`. */
export function resolveAuthorizationPaths(
  entries: readonly AuthorizerSettings[],
  resolve: (path: string) => string,
): AuthorizerSettings[] {
  return entries.map((entry) =>
    entry.type === "RBAC" ? entry : { ...entry, kubeconfigFile: resolve(entry.kubeconfigFile) },
  );
}
