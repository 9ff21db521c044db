import { resolve } from "node:path";
import { z } from "zod";

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** How issuers are replaced, who has to trust a new one first, and where the trust bundle is kept. */
export const issuerRotationSchema = z
  .strictObject({
    /** Takes the steps by itself; without it people do. */
    automatic: z
      .strictObject({
        /** How much of the active issuer's life passes before the next is prepared. */
        prepareAtPercentOfLife: z.int().min(1).max(95).default(50),
        /** How long a new CA is published at least before it signs. */
        overlapSeconds: z
          .int()
          .min(0)
          .max(3650 * DAY_SECONDS)
          .default(7 * DAY_SECONDS),
        /** The present CA signs the new one's key, so that the new one need not be trusted yet. */
        bridge: z.boolean().default(false),
      })
      .optional(),
    /** User names, besides the nodes, that have to report that they hold a new CA. */
    consumers: z.array(z.string().min(1).max(253)).max(1000).default([]),
    /** Files that always hold the trust bundle. */
    trustBundleFiles: z
      .array(
        z.strictObject({
          path: z.string().min(1),
          mode: z
            .string()
            .regex(/^0[0-7]{3}$/, 'must be four octal digits such as "0644"')
            .default("0644"),
        }),
      )
      .max(32)
      .default([]),
  })
  .prefault({});

export type IssuerRotationSettings = z.infer<typeof issuerRotationSchema>;

/** @param base - what paths in the configuration are relative to. */
export function resolveIssuerRotationPaths(settings: IssuerRotationSettings, base: string): IssuerRotationSettings {
  const { trustBundleFiles } = settings;
  return {
    ...settings,
    trustBundleFiles: trustBundleFiles.map(({ path, mode }) => ({ path: resolve(base, path), mode })),
  };
}
