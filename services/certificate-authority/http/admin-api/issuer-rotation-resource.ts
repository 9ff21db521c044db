import { z } from "zod";
import { hex, listOf, resource, time } from "./resources.ts";

const count = z.int().min(0);

const slot = z.object({
  id: hex,
  slot: z.enum(["prepared", "active", "old"]),
  commonName: z.string(),
  keyAlgorithm: z.string(),
  bridged: z.boolean().describe("The issuer before it signed its key as well."),
  liveCertificates: count.describe("Neither expired nor revoked."),
  nodeCertificates: count.describe("Those of nodes that have none after it for the same signer."),
  blockingCertificates: count.describe("Those that keep it from being retired: all but Gatehouse's own."),
  lastBlockingEnds: time.optional(),
  notBefore: time,
  notAfter: time,
  createdAt: time,
});

export const issuerRotation = resource("IssuerRotation", {
  name: z.string().describe("What the configuration calls the issuer."),
  phase: z.enum(["awaitingIssuer", "steady", "prepared", "replacing"]),
  summary: z.string(),
  nodeCertificates: z.object({ onActive: count, total: count }),
  trust: z
    .object({
      shown: count,
      total: count,
      missing: z
        .array(z.string())
        .describe("User names of consumers that are not shown to trust it; the first hundred."),
      given: z.enum(["sameAnchor", "bridge"]).optional().describe("Why nothing has to be shown."),
    })
    .optional()
    .describe("Of the prepared issuer, or of the active one while an old one is there."),
  slots: z.array(slot),
  refusal: z.string().optional().describe("Why it cannot be prepared here."),
  requestPem: z
    .string()
    .optional()
    .describe("After preparing one that is signed elsewhere: the request to have signed, PKCS#10."),
});

export const issuerRotationList = listOf("IssuerRotationList", issuerRotation);

export type IssuerRotationResource = z.infer<typeof issuerRotation>;
