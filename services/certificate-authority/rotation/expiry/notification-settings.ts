import { z } from "zod";
import { resolveScriptPaths, scriptShape } from "../../approval/hooks/script-settings.ts";
import { checkWebhook, resolveWebhookPaths, tellingShape } from "../../approval/hooks/webhook-settings.ts";

const { mode: _mode, ...runningShape } = scriptShape;
const webhookSchema = z.strictObject(tellingShape).superRefine(checkWebhook);
const scriptSchema = z.strictObject(runningShape);

/** One target: who is told of what. */
const notificationSchema = z
  .strictObject({
    /** In logs and metrics, and what the ledger keeps its outbox under: another name is another target. */
    name: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and -, at most 63 characters"),
    /** What is told; `renewed` takes back what was told before. */
    states: z
      .array(z.enum(["due", "overdue", "lost", "renewed"]))
      .min(1)
      .default(["overdue", "lost", "renewed"]),
    /** So many at once, at most. */
    batch: z.int().min(1).max(1000).default(100),
    timeoutSeconds: z.number().min(0.1).max(300).default(10),
    /** After a failure it is tried again: the first time after this, then after twice as long each time. */
    retry: z
      .strictObject({
        firstSeconds: z.number().min(0.1).max(3600).default(5),
        maximumSeconds: z.number().min(0.1).max(86_400).default(3600),
      })
      .prefault({}),
    webhook: webhookSchema.optional(),
    script: scriptSchema.optional(),
  })
  .refine(({ webhook, script }) => (webhook === undefined) !== (script === undefined), {
    error: "needs webhook or script, one of them",
  });

export const notificationsSchema = z
  .array(notificationSchema)
  .max(16)
  .refine((targets) => new Set(targets.map(({ name }) => name)).size === targets.length, {
    error: "two targets have the same name",
  })
  .default([]);

export type NotificationSettings = z.infer<typeof notificationSchema>;

/** @param absolute - resolves a path of the configuration file. */
export function resolveNotificationPaths(
  target: NotificationSettings,
  absolute: (path: string) => string,
): NotificationSettings {
  const { webhook, script } = target;
  return {
    ...target,
    ...(webhook && { webhook: resolveWebhookPaths(webhook, absolute) }),
    ...(script && { script: resolveScriptPaths(script, absolute) }),
  };
}
