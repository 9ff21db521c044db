import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { StatusError } from "../../../shared/status-error.ts";
import {
  REVOCATION_REASONS,
  type RevocationEntry,
  type RevocationReason,
  type Revocations,
} from "../../domain/revocation.ts";
import type { RevocationOutcome, RevocationSelector, Revoking } from "../../issuance/revoke.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { describeCertificate, toCertificateId } from "./certificates.ts";
import { API_VERSION, type RevocationEntryResource, type RevocationOutcomeResource } from "./resources.ts";
import type { RevocationWaiters } from "./revocation-waiters.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const PAGE = 1_000;
const MAXIMUM_WAIT_SECONDS = 60;
const MAXIMUM_MESSAGE = 1_024;
const MAXIMUM_NAME = 253;
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const [FIRST_REASON = "unspecified", ...OTHER_REASONS] = REVOCATION_REASONS;
const REASON_RULE =
  `must be one of ${REVOCATION_REASONS.join(", ")}; a revocation is for good, so that there is no certificateHold: ` +
  "quarantine the node and readmit it";

const reason = z
  .enum([FIRST_REASON, ...OTHER_REASONS], { error: REASON_RULE })
  .default("unspecified")
  .describe("A reason of RFC 5280, section 5.3.1.");
const message = z
  .string("must be text")
  .max(MAXIMUM_MESSAGE, `must be at most ${MAXIMUM_MESSAGE} characters`)
  .regex(/^\P{Cc}*$/u, "must be one line without control characters")
  .default("")
  .describe("For people; kept with the revocation.");
const dryRun = z.boolean("must be true or false").default(false).describe("Tells what would be hit, and does nothing.");
const hex = (digits: number, what: string) =>
  z
    .string("must be text")
    .regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), `must be ${what}, ${digits} hexadecimal digits`);
const issuerId = hex(64, "the id of an issuer").optional().describe("Needed when several issuers used the serial.");

/** The body of `POST /v1/certificates/{id}/revoke`. */
export const certificateRevocation = z.strictObject({ reason, message, issuerId, dryRun });

/** The body of `POST /v1/nodes/{name}/quarantine`. */
export const nodeQuarantine = z.strictObject({ reason, message, dryRun });

/** The body of `POST /v1/nodes/{name}/readmit`. */
export const nodeReadmission = z.strictObject({ message, dryRun });

const selectors = {
  serial: z
    .string("must be text")
    .regex(/^[0-9a-fA-F:]{1,59}$/, "must be a serial in hexadecimal")
    .optional()
    .describe("The certificate of that serial."),
  fingerprint: z
    .string("must be text")
    .regex(/^[0-9a-fA-F:]{64,95}$/, "must be a SHA-256 fingerprint in hexadecimal")
    .optional()
    .describe("The certificate of that SHA-256 fingerprint."),
  nodeName: z
    .string("must be text")
    .max(MAXIMUM_NAME, `must be at most ${MAXIMUM_NAME} characters`)
    .regex(NODE_NAME, "must be a node's name")
    .optional()
    .describe("All valid certificates of that node; it may ask for new ones."),
  publicKeySha256: hex(64, "the SHA-256 of a SubjectPublicKeyInfo")
    .optional()
    .describe("All valid certificates for that key, which is certified no more."),
};

/** The body of `POST /v1/revocations`. */
export const revocationRequest = z.strictObject({ ...selectors, issuerId, reason, message, dryRun });

const SEQUENCE_RULE = "must be a whole number: metadata.resourceVersion of the answer before, or 0";
const WAIT_RULE = `must be a whole number of seconds from 0 to ${MAXIMUM_WAIT_SECONDS}`;

/** What `GET /v1/revocations` can be asked. */
export const revocationListQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, SEQUENCE_RULE)
    .optional()
    .meta({ type: "integer", minimum: 0, default: 0 })
    .describe("Only what came after this sequence."),
  waitSeconds: z
    .string()
    .refine((text) => /^\d{1,2}$/.test(text) && Number(text) <= MAXIMUM_WAIT_SECONDS, WAIT_RULE)
    .optional()
    .meta({ type: "integer", minimum: 0, maximum: MAXIMUM_WAIT_SECONDS, default: 0 })
    .describe("How long the answer may be held while there is nothing new."),
});

export interface RevocationDependencies {
  readonly revoking: Revoking;
  readonly revocations: Pick<Revocations, "head" | "after">;
  readonly revocationWaiters: RevocationWaiters;
  readonly clock: Clock;
}

export function revocationHandlers({ revoking, revocations, revocationWaiters, clock }: RevocationDependencies): {
  readonly list: Handler;
  readonly create: Handler;
  readonly revokeCertificate: Handler;
  readonly quarantine: Handler;
  readonly readmit: Handler;
} {
  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const { after: given = "0", waitSeconds = "0" } = readQuery(revocationListQuery, call.query);
    const after = Number(given);
    // Who knows more than there is has known another state of the ledger, and is to hear of it at once.
    if (after === revocations.head()) await revocationWaiters.wait(after, Number(waitSeconds), call.response);
    const items = await revocations.after(after, PAGE);
    const newest = items.at(-1)?.sequence ?? revocations.head();
    sendJson(call.response, 200, {
      apiVersion: API_VERSION,
      kind: "RevocationList",
      metadata: { resourceVersion: String(newest) },
      items: items.map(describeEntry),
    });
  }

  async function order(
    call: Call,
    selector: RevocationSelector,
    why: { readonly reason: RevocationReason; readonly message: string; readonly dryRun: boolean },
  ): Promise<void> {
    const { reason: given, message: text, dryRun: isDryRun } = why;
    const wanted = { selector, reason: given, message: text, dryRun: isDryRun, by: call.user.username };
    sendJson(call.response, 200, describeOutcome(await revoking.revoke(wanted), isDryRun, clock.now()));
  }

  async function begin<Schema extends z.ZodObject>(call: Call, schema: Schema, kind: string) {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    return readJsonBody(call, schema, kind);
  }

  return {
    list,
    async create(call) {
      const body = await begin(call, revocationRequest, "Revocation");
      await order(call, selectorOf(body), body);
    },
    async revokeCertificate(call) {
      const body = await begin(call, certificateRevocation, "Revocation");
      const id = toCertificateId(pathParameter(call, 1));
      await order(call, { kind: "certificate", id, issuerId: body.issuerId?.toLowerCase() }, body);
    },
    async quarantine(call) {
      const body = await begin(call, nodeQuarantine, "Quarantine");
      await order(call, { kind: "node", nodeName: nodeNameOf(call), quarantine: true }, body);
    },
    async readmit(call) {
      const { message: text, dryRun: isDryRun } = await begin(call, nodeReadmission, "Readmission");
      const nodeName = nodeNameOf(call);
      if (!(await revoking.readmit(nodeName, text, call.user.username, isDryRun))) throw notQuarantined(nodeName);
      const body: RevocationOutcomeResource = {
        ...{ apiVersion: API_VERSION, kind: "RevocationOutcome", dryRun: isDryRun },
        ...{ quarantined: false, readmitted: true, items: [] },
      };
      sendJson(call.response, 200, body);
    },
  };
}

/** @throws {StatusError} Invalid unless exactly one thing is named. */
function selectorOf(body: z.output<typeof revocationRequest>): RevocationSelector {
  const given = (Object.keys(selectors) as (keyof typeof selectors)[]).filter((key) => body[key] !== undefined);
  if (given.length !== 1) {
    const said = given.length === 0 ? "none is" : `${given.join(" and ")} are`;
    const problem = `exactly one of ${Object.keys(selectors).join(", ")} must be given; ${said}`;
    throw new StatusError("Invalid", `Revocation is invalid: ${problem}`, { details: { kind: "Revocation" } });
  }
  const { serial, fingerprint, nodeName, publicKeySha256 } = body;
  if (nodeName !== undefined) return { kind: "node", nodeName, quarantine: false };
  if (publicKeySha256 !== undefined) return { kind: "key", spkiSha256: publicKeySha256.toLowerCase() };
  const id = toCertificateId(serial ?? fingerprint ?? "");
  return { kind: "certificate", id, issuerId: body.issuerId?.toLowerCase() };
}

function nodeNameOf(call: Call): string {
  const name = pathParameter(call, 1);
  if (name.length <= MAXIMUM_NAME && NODE_NAME.test(name)) return name;
  throw new StatusError("BadRequest", `${JSON.stringify(name.slice(0, 80))} is no node's name`);
}

function notQuarantined(name: string): StatusError {
  const details = { kind: "nodes", name };
  return new StatusError("NotFound", `node ${name} is in no quarantine`, { details });
}

function describeOutcome(outcome: RevocationOutcome, isDryRun: boolean, now: Date): RevocationOutcomeResource {
  return {
    ...{ apiVersion: API_VERSION, kind: "RevocationOutcome", dryRun: isDryRun },
    ...{ quarantined: outcome.quarantined, readmitted: false },
    items: outcome.certificates.map((certificate) => describeCertificate(certificate, now)),
  };
}

function describeEntry(entry: RevocationEntry): RevocationEntryResource {
  const { sequence, type, fingerprint, serial, issuerId: issuer, nodeName, spkiSha256 } = entry;
  return {
    ...{ sequence, type, reason: entry.reason, message: entry.message, at: entry.at.toISOString(), by: entry.by },
    ...(fingerprint !== undefined && { fingerprint }),
    ...(serial !== undefined && { serial }),
    ...(issuer !== undefined && { issuerId: issuer }),
    ...(nodeName !== undefined && { nodeName }),
    ...(spkiSha256 !== undefined && { publicKeySha256: spkiSha256 }),
  };
}
