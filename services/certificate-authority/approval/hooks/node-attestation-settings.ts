import { z } from "zod";

export const nodeAttestationShape = {
  /** What is said to who did not attest: a denial, or nothing, while nodes are moved over. */
  others: z.enum(["deny", "ignore"]).default("deny"),
  /** A renewal by a node whose last attestation is older than this has to attest again; never when absent. */
  maximumAgeSeconds: z
    .int()
    .min(600)
    .max(10 * 365 * 86_400)
    .optional(),
  /**
   * What a request counts for that shows, in PEM blocks beside it, that its key lives in the machine's TPM: `accept` takes it from
   * whoever sends it, `require` takes no other.
   */
  attestedKeys: z.enum(["ignore", "accept", "require"]).default("ignore"),
};
