import { z } from "zod";
import { certificate, hex, listOf, resource, time } from "./resources.ts";

const states = z.enum(["fresh", "due", "overdue", "lost"]);
const STATES =
  "fresh: it need not ask for the next one yet; due: that comes before renewal.ends; overdue: it should have come; lost: " +
  "the newest has expired or is revoked.";

const holding = z.object({
  signerName: z.string(),
  state: states.describe(STATES),
  serial: hex.describe("Of the newest certificate, as everything here."),
  fingerprint: hex,
  notBefore: time,
  notAfter: time,
  renewal: z.object({ begins: time, ends: time }).describe("When the next one is asked for."),
  renewsItself: z.boolean().describe("A kubelet does so by itself; otherwise somebody should."),
});

const held = certificate.extend({
  replacedBy: z.array(hex).describe("Fingerprints of the certificates that replace it."),
  replacedAt: time.optional().describe("When the first of them began."),
  renewedLate: z.boolean().describe("Its kubelet should have asked for the next one before that, or before now."),
});

export const node = resource("Node", {
  name: z.string(),
  state: states.describe("The worst of those of its signers."),
  quarantined: z.boolean().describe("It gets no certificate until it is readmitted."),
  holdings: z.array(holding).describe("One for each signer."),
  certificates: z.array(held).optional().describe("The newest first; left out of lists."),
  hasMoreCertificates: z.boolean().optional().describe("There are older ones; /v1/certificates?node= lists all."),
});

export const nodeList = listOf("NodeList", node);

export type NodeResource = z.infer<typeof node>;
