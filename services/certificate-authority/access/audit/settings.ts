import { resolve } from "node:path";
import { z } from "zod";

const DAY_HOURS = 24;
const YEAR_DAYS = 366;

const fileSchema = z.strictObject({
  path: z.string().min(1),
  /** A file that would grow beyond this is put aside under a name with the time; 0 for never. */
  maxSizeMegabytes: z.int().min(0).max(1_000_000).default(100),
  /** A file this old is put aside; 0 for never. */
  rotateHours: z
    .int()
    .min(0)
    .max(YEAR_DAYS * DAY_HOURS)
    .default(0),
  /** Files put aside longer ago are removed; 0 keeps them. */
  maxAgeDays: z
    .int()
    .min(0)
    .max(100 * YEAR_DAYS)
    .default(0),
  /** How many files put aside are kept; 0 keeps all. */
  maxBackups: z.int().min(0).max(1_000_000).default(0),
});

const webhookSchema = z.strictObject({
  /** As kube-apiserver's --audit-webhook-config-file: the cluster is the receiver, the user is we. */
  kubeconfigFile: z.string().min(1),
  maxBatchEvents: z.int().min(1).max(10_000).default(400),
  /** How long events wait for others to go with. */
  maxWaitSeconds: z.number().min(0).max(600).default(5),
  /** More than these are dropped, or with mode blocking keep further requests out. */
  maxQueuedEvents: z.int().min(1).max(1_000_000).default(10_000),
  timeoutSeconds: z.number().min(0.1).max(600).default(10),
});

/** The settings of the audit record. */
export const auditSettingsSchema = z
  .strictObject({
    policyFile: z.string().min(1),
    /** batch drops events that cannot be kept; blocking changes and signs nothing that cannot be put on record. */
    mode: z.enum(["batch", "blocking"]).default("batch"),
    file: fileSchema.optional(),
    webhook: webhookSchema.optional(),
  })
  .refine(({ file, webhook }) => file !== undefined || webhook !== undefined, {
    message: "needs file, webhook or both: otherwise nothing would be recorded",
  });

export type AuditSettings = z.infer<typeof auditSettingsSchema>;

/** The settings with their paths resolved against the folder `base`. */
export function resolveAuditPaths(settings: AuditSettings, base: string): AuditSettings {
  const { policyFile, file, webhook } = settings;
  return {
    ...settings,
    policyFile: resolve(base, policyFile),
    ...(file && { file: { ...file, path: resolve(base, file.path) } }),
    ...(webhook && { webhook: { ...webhook, kubeconfigFile: resolve(base, webhook.kubeconfigFile) } }),
  };
}
