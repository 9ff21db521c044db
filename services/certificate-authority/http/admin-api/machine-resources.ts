import { z } from "zod";
import { ATTESTOR_KINDS } from "../../../shared/attestation/wire.ts";
import { listOf, resource, time } from "./resources.ts";

const MAXIMUM_NAMES = 100;
const MAXIMUM_MACHINES = 1000;
const NODE_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

const texts = z.array(z.string());

const binding = z.object({
  id: z.string(),
  nodeName: z.string(),
  state: z.enum(["active", "replaced", "released"]),
  profile: z.string().describe("The profile that judged the evidence."),
  fields: z.record(z.string(), z.string()).describe("Verified facts of the last attestation."),
  dnsNames: texts,
  ipAddresses: texts,
  evidenceSha256: z.string().describe("Of the proof as it was sent."),
  createdAt: time,
  attestedAt: time,
});

export const machine = resource("Machine", {
  attestor: z.enum(ATTESTOR_KINDS),
  machineId: z.string().describe("What the attestor calls the machine."),
  state: z.enum(["active", "banned"]).describe("A banned machine gets nothing until it is released."),
  enrolled: z.boolean().describe("An administrator put it down."),
  nodeName: z.string().optional().describe("The only name it gets."),
  dnsNames: texts.describe("What an administrator wrote down, as the addresses."),
  ipAddresses: texts,
  pins: z.record(z.string(), z.string()).describe("What may not change from one attestation to the next."),
  attestedAt: time.optional(),
  createdAt: time,
  boundTo: z.string().optional().describe("The node that it is now."),
  bindings: z.array(binding).optional().describe("The newest first; left out of lists."),
});

export const machineList = listOf("MachineList", machine);

export type MachineResource = z.infer<typeof machine>;

/** One machine as an administrator writes it down. */
const enrollment = z.strictObject({
  attestor: z.enum(ATTESTOR_KINDS, { error: `must be one of ${ATTESTOR_KINDS.join(", ")}` }),
  machineId: z
    .string("must be text")
    .min(1, "must not be empty")
    .max(256, "must be at most 256 characters")
    .regex(/^\P{Cc}*$/u, "must be one line without control characters"),
  nodeName: z
    .string("must be text")
    .max(253, "must be at most 253 characters")
    .regex(NODE_NAME, "must be a node's name: a DNS subdomain in lower case")
    .optional(),
  dnsNames: z
    .array(z.string().max(253).regex(NODE_NAME, "must be a DNS name in lower case"))
    .max(MAXIMUM_NAMES)
    .default([]),
  ipAddresses: z
    .array(z.union([z.ipv4(), z.ipv6()], { error: "must be an address" }))
    .max(MAXIMUM_NAMES)
    .default([]),
});

/** The body of `POST /v1/machines`. */
export const machineEnrollment = z.strictObject({
  machines: z
    .array(enrollment)
    .min(1, "must name a machine")
    .max(MAXIMUM_MACHINES, `must be at most ${MAXIMUM_MACHINES} machines at a time`),
});

/** The body of `POST /v1/machines/{attestor}/{id}/release` and `/ban`. */
export const machineChange = z.strictObject({
  message: z
    .string("must be text")
    .max(1024, "must be at most 1024 characters")
    .regex(/^\P{Cc}*$/u, "must be one line without control characters")
    .default("")
    .describe("For people; kept on the audit trail."),
});

/** What `GET /v1/machines` can be asked. */
export const machineListQuery = z.strictObject({
  limit: z
    .string()
    .refine((text) => /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1000, "must be a whole number from 1 to 1000")
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: 1000, default: 100 })
    .describe("How many to answer at most."),
  continue: z.string().min(1).optional().describe("metadata.continue of the page before."),
});
