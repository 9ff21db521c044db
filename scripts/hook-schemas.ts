import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { answerSchema } from "../services/certificate-authority/approval/hooks/outside-answer.ts";
import type { ReviewDocument } from "../services/certificate-authority/domain/review-document.ts";

const texts = z.array(z.string());
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const instant = z.string().regex(INSTANT).describe("RFC 3339 in UTC, with milliseconds");
const hex = z.string().regex(/^[0-9a-f]+$/);

const subject = z
  .object({
    country: texts,
    organization: texts,
    organizationalUnit: texts,
    locality: texts,
    province: texts,
    streetAddress: texts,
    postalCode: texts,
    commonName: z.string(),
    serialNumber: z.string(),
  })
  .describe("the subject of the CSR, decoded");

const sans = z
  .object({ dnsNames: texts, emailAddresses: texts, ipAddresses: texts, uris: texts })
  .describe("subject alternative names");

const previous = z.object({
  serial: hex,
  fingerprint: hex.describe("SHA-256 of the certificate"),
  state: z.enum(["valid", "expired", "revoked"]),
  notBefore: instant,
  notAfter: instant,
  issuedAt: instant,
  spkiSha256: hex,
  requester: z.string(),
  sans,
});

/** What hooks are told. Fields may be added; those that are there keep their meaning while `apiVersion` stays. */
const reviewDocumentSchema = z.object({
  apiVersion: z.literal("gatehouse.dev/v1"),
  kind: z.literal("Review"),
  now: instant.describe("when the request is reviewed"),
  isRehearsal: z.boolean().describe("nothing will follow from the decision: an explanation, a replay, a shadow chain"),
  request: z.object({
    name: z.string(),
    uid: z.string().describe("to be repeated in answers of programs that stay"),
    createdAt: instant,
    signerName: z.string(),
    usages: texts,
    expirationSeconds: z.int().min(0).describe("0 when the request names no lifetime"),
    labels: z.record(z.string(), z.string()).describe("chosen by the requester"),
    annotations: z.record(z.string(), z.string()).describe("chosen by the requester"),
  }),
  requester: z
    .object({ username: z.string(), uid: z.string(), groups: texts, extra: z.record(z.string(), texts) })
    .describe("who created the request, as it was authenticated then"),
  subject,
  sans,
  key: z.object({
    algorithm: z.enum(["RSA", "ECDSA", "Ed25519", "ML-DSA"]),
    bits: z.int().min(0).describe("of an RSA modulus; 0 for other keys"),
    curve: z.string().describe("empty for keys without one"),
    spkiSha256: hex.describe("SHA-256 of the SubjectPublicKeyInfo"),
  }),
  nodeName: z.string().describe("the node of common name system:node:<name>; empty for everything else"),
  boundNodeName: z
    .string()
    .describe("the only node that the requester's bootstrap token is good for; empty when not bound"),
  previous: z
    .array(previous)
    .describe("certificates the node has or had from this signer: the newest first, at most ten"),
  binding: z
    .object({
      id: z.string(),
      attestor: z.string().describe("the kind of attestor, such as tpm2"),
      machineId: z.string().describe("what the attestor calls the machine"),
      profile: z.string().describe("the profile that judged the evidence"),
      fields: z.record(z.string(), z.string()).describe("verified facts of the last attestation"),
      dnsNames: texts,
      ipAddresses: texts,
      attestedAt: instant,
      isEnrolled: z.boolean().describe("an administrator enrolled the machine"),
      isRequester: z.boolean().describe("the requester's credential is what that machine got for its evidence"),
    })
    .nullable()
    .describe("the machine that the node's name is bound to since it attested; null when there is none"),
});

/** @returns the value as far as the schema knows it. @throws {z.ZodError} when it is no review document. */
export function readReviewDocument(value: unknown): ReviewDocument {
  return reviewDocumentSchema.parse(value);
}

/** The JSON Schemas (draft 2020-12) of what hooks are told and of what they answer, by the names of their files. */
export function hookSchemas(): Readonly<Record<string, object>> {
  const schemaOf = (schema: z.ZodType, title: string) => ({ title, ...z.toJSONSchema(schema, { io: "input" }) });
  return {
    "review.schema.json": schemaOf(reviewDocumentSchema, "What Gatehouse tells scripts and webhooks"),
    "decision.schema.json": schemaOf(answerSchema, "What scripts and webhooks answer"),
  };
}

if (process.argv[1] === import.meta.filename) {
  const directory = join(import.meta.dirname, "..", "config", "hooks");
  for (const [name, schema] of Object.entries(hookSchemas()))
    writeFileSync(join(directory, name), `${JSON.stringify(schema, undefined, 2)}\n`);
}
