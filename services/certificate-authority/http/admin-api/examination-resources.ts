import { z } from "zod";

const hex = z.string().meta({ pattern: "^[0-9a-f]+$" });
const time = z.string().meta({ format: "date-time" });

const kin = z.object({
  fingerprint: hex,
  serial: hex,
  state: z.enum(["valid", "expired", "revoked"]),
  notBefore: time,
  notAfter: time,
  keyReused: z.boolean().optional().describe("Whether it has the key of the certificate it replaces."),
});

/** What is found out about one certificate; left out of lists. */
export const examinationShape = {
  details: z
    .object({
      keyAlgorithm: z.string(),
      signatureAlgorithm: z.string(),
      extendedKeyUsages: z.array(z.string()),
      isAuthority: z.boolean(),
    })
    .optional()
    .describe("What its encoding says besides; left out of lists, and when it cannot be read."),
  risks: z
    .array(
      z.object({
        kind: z.string().describe("Stable, for programs."),
        severity: z.enum(["high", "medium", "low"]),
        message: z.string(),
      }),
    )
    .optional()
    .describe("What somebody could use, or what will fail, the worst first; left out of lists."),
  lineage: z
    .object({
      predecessors: z.array(kin).describe("What it replaced, and what that replaced: the nearest first, at most 20."),
      successors: z.array(kin).describe("What replaces it."),
    })
    .optional()
    .describe("Left out of lists."),
} as const;
