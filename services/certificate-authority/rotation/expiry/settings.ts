import { z } from "zod";

/** What is looked for in the record of certificates, and who is told. */
export const expirySchema = z
  .strictObject({
    /** How often the fleet is looked at. */
    scanSeconds: z.int().min(1).max(86_400).default(60),
    /** A node whose newest certificate ended longer ago is taken for gone, and not counted any more. */
    forgetAfterDays: z.int().min(1).max(3650).default(30),
  })
  .prefault({});

export type ExpirySettings = z.infer<typeof expirySchema>;
