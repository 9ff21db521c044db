import { z } from "zod";
import { notificationsSchema, resolveNotificationPaths } from "./notification-settings.ts";

/** What is looked for in the record of certificates, and who is told. */
export const expirySchema = z
  .strictObject({
    /** How often the fleet is looked at. */
    scanSeconds: z.int().min(1).max(86_400).default(60),
    /** A node whose newest certificate ended longer ago is taken for gone, and not counted any more. */
    forgetAfterDays: z.int().min(1).max(3650).default(30),
    /** Who is told what was not renewed in time. */
    notifications: notificationsSchema,
  })
  .prefault({});

export type ExpirySettings = z.infer<typeof expirySchema>;

/** @param absolute - resolves a path of the configuration file. */
export function resolveExpiryPaths(settings: ExpirySettings, absolute: (path: string) => string): ExpirySettings {
  const notifications = settings.notifications.map((target) => resolveNotificationPaths(target, absolute));
  return { ...settings, notifications };
}
