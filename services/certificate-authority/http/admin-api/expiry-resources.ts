import { z } from "zod";
import { EXPIRY_STATES } from "../../domain/expiry.ts";
import { API_VERSION } from "./resources.ts";

const time = z.string().meta({ format: "date-time" });
const hex = z.string().meta({ pattern: "^[0-9a-f]+$" });
const state = z
  .enum(EXPIRY_STATES)
  .describe(
    "fresh: renewed in time; due: inside the window of its renewal; overdue: past it and not renewed; lost: ended.",
  );
const metadata = z.object({
  continue: z.string().optional().describe("Where the next page starts; absent on the last page."),
});

/** The answer of `GET /v1/expiry`. */
export const expiryReport = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("ExpiryReport"),
  metadata,
  observedAt: time.describe("When the record was read; a few seconds ago at most."),
  isIncomplete: z.literal(true).optional().describe("There are more certificates than are looked at."),
  counts: z
    .array(
      z.object({
        signerName: z.string(),
        fresh: z.int(),
        due: z.int(),
        overdue: z.int(),
        lost: z.int(),
        soonestEnd: time.optional().describe("The first end of a certificate that is still valid."),
      }),
    )
    .describe("Newest certificates of nodes, and of whoever else has some, by signer."),
  items: z
    .array(
      z.object({
        name: z.string().describe("The node, or the common name, or the first other name."),
        nodeName: z.string().optional().describe("Absent when it is no node's."),
        signerName: z.string(),
        state,
        fingerprint: hex.describe("SHA-256 of the DER of its newest certificate that is not revoked."),
        notBefore: time,
        notAfter: time,
        renewsItself: z.boolean().describe("A kubelet asks by itself; for anybody else somebody has to."),
        renewalBegins: time.describe("Between this and renewalEnds the renewal comes, or should come."),
        renewalEnds: time,
        shareThatAsked: z.number().describe("The share of such kubelets that have asked by now."),
        asksAgainWithinSeconds: z
          .int()
          .optional()
          .describe("While nobody approves, a kubelet keeps asking this often."),
      }),
    )
    .describe("The first to end first."),
});

/** The answer of `GET /v1/expiry/forecast`. */
export const expiryForecast = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("ExpiryForecast"),
  metadata,
  from: time,
  until: time,
  observedAt: time,
  nodes: z.int().describe("Nodes whose client certificate is valid now."),
  leaving: z.int().describe("How many of them have left by the end."),
  lost: z.int().describe("Nodes that have left already."),
  bucketSeconds: z.number(),
  buckets: z.array(
    z.object({
      from: time,
      nodes: z.int().describe("Nodes that leave in it: their client certificate ends."),
      serving: z.int().describe("Nodes whose serving certificate ends in it: no logs, no exec."),
    }),
  ),
  items: z
    .array(
      z.object({
        nodeName: z.string(),
        at: time.describe("When its first certificate ends."),
        signerName: z.string().describe("The signer of that one."),
        leavesAt: time.optional().describe("When its client certificate ends, if that is within the forecast."),
      }),
    )
    .describe("Nodes that feel it, the first to do so first."),
});

export type ExpiryReportResource = z.infer<typeof expiryReport>;
export type ExpiryForecastResource = z.infer<typeof expiryForecast>;
