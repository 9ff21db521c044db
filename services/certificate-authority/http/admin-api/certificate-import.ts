import { z } from "zod";
import type { Importing, ImportOutcome } from "../../issuance/import.ts";
import { type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, hex, resource } from "./resources.ts";
import { readJsonBody, readQuery } from "./validation.ts";

const MAXIMUM_ITEMS = 500;
const MAXIMUM_PEM_CHARACTERS = 32_768;
const MAXIMUM_SOURCE_CHARACTERS = 4_096;
/** Source: kubernetes pkg/apis/certificates/validation/validation.go (ValidateSignerName). */
const MAXIMUM_SIGNER_CHARACTERS = 571;

const importItem = z.strictObject({
  certificatePem: z
    .string("must be PEM text")
    .min(1, "must not be empty")
    .max(MAXIMUM_PEM_CHARACTERS, `must have at most ${MAXIMUM_PEM_CHARACTERS} characters`)
    .describe("One PEM block CERTIFICATE. Never send a key."),
  source: z
    .string("must be text")
    .max(MAXIMUM_SOURCE_CHARACTERS, `must have at most ${MAXIMUM_SOURCE_CHARACTERS} characters`)
    .optional()
    .describe("Where it was found; comes back in the answer, and is not kept."),
  signerName: z
    .string("must be text")
    .max(MAXIMUM_SIGNER_CHARACTERS, `must have at most ${MAXIMUM_SIGNER_CHARACTERS} characters`)
    .regex(/^[a-z0-9.-]+\/\S+$/, "must be a signer's name such as kubernetes.io/kubelet-serving")
    .optional()
    .describe("Its signer, where that is known; otherwise told by what it is for."),
});

/** The body of `POST /v1/certificates/import`. */
export const certificateImport = z.strictObject({
  apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
  kind: z.literal("CertificateImport", "must be CertificateImport or left out").optional(),
  dryRun: z.boolean("must be true or false").default(false).describe("Everything is looked at, and nothing recorded."),
  items: z
    .array(importItem, "must be a list")
    .min(1, "must not be empty")
    .max(MAXIMUM_ITEMS, `must have at most ${MAXIMUM_ITEMS} certificates; send the others apart`),
});

export const certificateImportOutcome = resource("CertificateImportOutcome", {
  dryRun: z.boolean().describe("Nothing was recorded."),
  imported: z.number(),
  known: z.number().describe("How many were on record already."),
  refused: z.number(),
  items: z
    .array(
      z.object({
        source: z.string().optional(),
        outcome: z.enum(["imported", "known", "refused"]),
        fingerprint: hex.optional(),
        serial: hex.optional(),
        commonName: z.string().optional(),
        signerName: z.string().optional(),
        nodeName: z.string().optional(),
        reason: z
          .enum(["privateKey", "malformed", "authority", "unknownIssuer", "serialTaken"])
          .optional()
          .describe("Why it was refused; stable, for programs."),
        message: z.string().optional().describe("The same for people."),
      }),
    )
    .describe("In the order of the request."),
});

type OutcomeResource = z.infer<typeof certificateImportOutcome>;

export interface ImportDependencies {
  readonly importing: Importing;
}

/** Puts certificates on record that were issued before Gatehouse, or without it. */
export function certificateImportHandler({ importing }: ImportDependencies): Handler {
  return async (call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { items, dryRun } = await readJsonBody(call, certificateImport, "CertificateImport");
    const wanted = items.map(({ certificatePem, signerName }) => ({ certificatePem, signerName }));
    const outcomes = await importing.import(wanted, call.user.username, dryRun);
    const count = (kind: ImportOutcome["kind"]) => outcomes.filter((outcome) => outcome.kind === kind).length;
    const answer: OutcomeResource = {
      apiVersion: API_VERSION,
      kind: "CertificateImportOutcome",
      dryRun,
      imported: count("imported"),
      known: count("known"),
      refused: count("refused"),
      items: outcomes.map((outcome, index) => describe(outcome, items[index]?.source)),
    };
    sendJson(call.response, 200, answer);
  };
}

function describe(outcome: ImportOutcome, source: string | undefined): OutcomeResource["items"][number] {
  const where = source === undefined ? {} : { source };
  if (outcome.kind === "refused") {
    return { ...where, outcome: outcome.kind, reason: outcome.reason, message: outcome.message };
  }
  const { fingerprint, serial, commonName, signerName, nodeName } = outcome.record;
  const node = nodeName === undefined ? {} : { nodeName };
  return { ...where, outcome: outcome.kind, fingerprint, serial, commonName, signerName, ...node };
}
