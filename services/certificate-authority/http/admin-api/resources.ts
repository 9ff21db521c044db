import { z } from "zod";
import { TOKEN_ID } from "../../domain/bootstrap-token.ts";
import { examinationShape } from "./examination-resources.ts";

export const API_VERSION = "gatehouse.dev/v1";

/** The envelope every object of `/v1` carries. Times are RFC 3339 in UTC and whole seconds. */
export function resource<Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) {
  return z.object({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), ...shape });
}

export function listOf<Kind extends string, Item extends z.ZodType>(kind: Kind, item: Item) {
  const metadata = z.object({
    continue: z.string().optional().describe("Where the next page starts; absent on the last page."),
  });
  return z.object({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata, items: z.array(item) });
}

export const time = z.string().meta({ format: "date-time" });
export const hex = z.string().meta({ pattern: "^[0-9a-f]+$" });

export const certificate = resource("Certificate", {
  serial: hex.describe("Unique for one issuer."),
  fingerprint: hex.describe("SHA-256 of the DER."),
  state: z.enum(["valid", "expired", "revoked"]).describe("At the time of the answer; revoked outlives expired."),
  signerName: z.string().describe("The signer, or gatehouse.dev/serving and gatehouse.dev/administrator for our own."),
  issuerId: hex,
  nodeName: z.string().optional().describe("The node of common name system:node:<name>."),
  commonName: z.string(),
  organizations: z.array(z.string()),
  dnsNames: z.array(z.string()),
  emailAddresses: z.array(z.string()),
  ipAddresses: z.array(z.string()),
  uris: z.array(z.string()),
  publicKeySha256: hex.describe("SHA-256 of the SubjectPublicKeyInfo."),
  notBefore: time,
  notAfter: time.describe("The last instant of validity."),
  issuedAt: time.describe("notBefore where it was imported."),
  importedAt: time
    .optional()
    .describe("When it was put on record, of one that was issued before Gatehouse or without it."),
  request: z.object({ name: z.string(), uid: z.string(), requester: z.string() }).optional(),
  predecessor: hex.optional().describe("Fingerprint of the certificate this one replaces."),
  keyReused: z.boolean().optional().describe("Whether it has the key of the certificate it replaces."),
  certificatePem: z.string().optional().describe("Left out of lists."),
  ...examinationShape,
});

const verdictKind = z.enum(["approved", "denied", "noOpinion", "skipped"]);

const explanation = z.object({
  flips: z
    .array(
      z.object({
        outcome: z.enum(["approved", "denied", "pending"]),
        message: z.string().describe("All of it in a sentence, without the hints."),
        needsApproval: z.boolean().describe("One of the changed verdicts, or of the hooks asked then, has to approve."),
        asksOn: z.boolean().describe("The hooks behind a denial are asked then, and decide with it."),
        asks: z.array(z.string()).describe("Those hooks, as far as they are known."),
        changes: z.array(
          z.object({
            hook: z.string(),
            from: z.string(),
            to: z.array(verdictKind).describe("Any of these would do."),
            hint: z.string().optional().describe("How to get there."),
          }),
        ),
      }),
    )
    .describe("The smallest changes of verdicts that bring another outcome, the most useful first."),
});

export const decision = resource("Decision", {
  request: z.object({ name: z.string(), uid: z.string(), signerName: z.string(), requester: z.string() }),
  outcome: z.enum(["approved", "denied", "pending"]),
  hook: z.string().optional().describe("The hook that settled it; manual for a person; absent while pending."),
  reason: z.string(),
  message: z.string(),
  decidedBy: z.string().optional().describe("Left out where redacted."),
  decidedAt: time,
  redacted: z
    .literal(true)
    .optional()
    .describe("This is what requesters see of their own: no messages or evidence of hooks, and not who decided."),
  rehearsal: z.literal(true).optional().describe("Nobody made the request; nothing was stored."),
  explanation: explanation.optional().describe("Of the newest decision."),
  trace: z
    .array(
      z.object({
        hook: z.string(),
        required: z.boolean(),
        kind: z
          .enum(["approved", "denied", "noOpinion", "skipped", "failed"])
          .describe("skipped: not concerned; failed: could not evaluate, asked again."),
        reason: z.string(),
        message: z.string(),
        evidence: z.record(z.string(), z.unknown()),
        durationMicroseconds: z.number(),
      }),
    )
    .describe("Every hook in the order it was asked."),
});

export const approvalOutcome = resource("ApprovalOutcome", {
  request: z.object({ name: z.string(), uid: z.string() }),
  outcome: z.enum(["approved", "denied", "pending"]).describe("pending while more people have to approve."),
  reason: z.string(),
  message: z.string().describe("While pending: who has approved so far."),
});

export const approvalChain = resource("ApprovalChain", {
  since: time.describe("When it came into force."),
  guards: z
    .record(z.string(), z.union([z.boolean(), z.number(), z.string()]))
    .describe("The settings of approval.guards."),
  hooks: z
    .array(
      z.object({
        name: z.string(),
        kind: z.string(),
        required: z.boolean().describe("Nothing is approved without its approval."),
        signers: z.array(z.string()).optional().describe("Patterns; it is asked about these only."),
        requesters: z
          .object({ users: z.array(z.string()), groups: z.array(z.string()) })
          .optional()
          .describe("Patterns; it is asked about requests of these only."),
        quorum: z.number().optional().describe("How many people have to approve; of hooks that ask people only."),
        asking: z.number().optional().describe("Requests it is being asked about now; of hooks outside only."),
        waiting: z.number().optional().describe("Requests in line."),
      }),
    )
    .describe("In the order they are asked."),
  configurationFile: z
    .object({
      path: z.string(),
      problem: z
        .object({ message: z.string(), since: time })
        .optional()
        .describe("Why what the file says now is not in force."),
      needsRestart: z.array(z.string()).describe("Settings that changed and are taken at the next start only."),
    })
    .optional(),
});

const recordedRequest = resource("RecordedRequest", {
  request: z.object({ name: z.string(), uid: z.string(), signerName: z.string(), requester: z.string() }),
  document: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The request as hooks saw it at the time of the decision; absent when what it asked for is lost."),
  decision: decision.optional().describe("The chain's last decision; absent when only people decided."),
  settlement: z
    .object({
      outcome: z.enum(["approved", "denied", "pending"]),
      reason: z.string(),
      decidedBy: z.string(),
      decidedAt: time,
    })
    .optional()
    .describe("What people, or the last look before the signature, made of it afterwards."),
});

const outcomes = z.enum(["approved", "denied", "pending"]);

export const shadowChain = resource("ShadowChain", {
  counts: z
    .object({
      since: time,
      agreed: z.number(),
      differed: z.array(z.object({ live: outcomes, shadow: outcomes, count: z.number() })),
      failed: z.number().describe("A hook of the shadow could not evaluate."),
      dropped: z.number().describe("Not put to the shadow, which was too busy."),
    })
    .optional()
    .describe("Absent without a shadow chain."),
  examples: z
    .array(
      z.object({
        at: time,
        request: z.object({ name: z.string(), uid: z.string(), signerName: z.string(), requester: z.string() }),
        live: z.object({ outcome: outcomes, hook: z.string().optional() }),
        shadow: z.object({
          outcome: outcomes,
          hook: z.string().optional(),
          reason: z.string(),
          message: z.string(),
          trace: z.array(
            z.object({
              hook: z.string(),
              required: z.boolean(),
              kind: z.string(),
              reason: z.string(),
              message: z.string(),
            }),
          ),
        }),
      }),
    )
    .describe("Where the shadow would have decided otherwise, the newest first."),
});

export const bootstrapToken = resource("BootstrapToken", {
  id: z.string().meta({ pattern: TOKEN_ID.source }),
  description: z.string(),
  groups: z.array(z.string()).describe("Besides system:bootstrappers."),
  usages: z
    .array(z.enum(["authentication", "signing", "attestation"]))
    .describe("To log in, to sign kube-public/cluster-info, or to attest; without any it is good for nothing."),
  nodeName: z.string().optional().describe("The only node this token may ask for."),
  createdAt: time,
  expiresAt: time.optional().describe("Absent when it never expires."),
  createdBy: z.string(),
  token: z.string().optional().describe("The whole token, in the answer that creates it and never again."),
});

export const issuer = resource("Issuer", {
  id: hex.describe("SHA-256 of the CA certificate's DER."),
  name: z.string().describe("What the configuration calls it; default for the one that is not in the list of issuers."),
  commonName: z.string(),
  slot: z.enum(["prepared", "active", "old"]),
  endedAt: time.optional().describe("Since when it is trusted no more: retired when old, abandoned when prepared."),
  origin: z.enum(["generated", "imported"]),
  keyAlgorithm: z.string(),
  serial: hex,
  notBefore: time,
  notAfter: time,
  createdAt: time,
  certificatePem: z.string(),
  ancestorsPem: z.string().optional().describe("The CAs above it, its own issuer's first, the root last."),
});

export const configuredIssuer = resource("ConfiguredIssuer", {
  name: z.string(),
  state: z.enum(["ready", "awaitingCertificate", "awaitingIssuer", "awaitingToken"]),
  issuerId: hex.optional().describe("The id of what signs now."),
  problem: z
    .string()
    .optional()
    .describe("Why it cannot sign, or why its files are not taken while what was taken before signs on."),
  signerNames: z.array(z.string()).describe("The signers it signs for."),
});

export const issuerRequest = resource("IssuerRequest", {
  name: z.string(),
  requestPem: z.string().describe("A PKCS#10 request for a CA certificate; the key stays here."),
});

export const reencryption = resource("Reencryption", {
  provider: z.string().describe("What everything is encrypted with now, as the encryption configuration calls it."),
  keyName: z.string().optional().describe("Absent for identity, which has no key."),
  sealedFiles: z.number(),
  rewritten: z.number().describe("How many of them were not under that key before."),
});

const revocationEntry = z.object({
  sequence: z.number().describe("Its place in the feed; grows, not without gaps."),
  type: z.enum(["revoked", "quarantined", "readmitted"]),
  fingerprint: hex.optional().describe("SHA-256 of the certificate's DER; absent of a key that no certificate has."),
  serial: hex.optional(),
  issuerId: hex.optional(),
  nodeName: z.string().optional(),
  publicKeySha256: hex.optional(),
  reason: z.string().describe("A reason of RFC 5280, section 5.3.1."),
  message: z.string(),
  at: time.describe("With milliseconds."),
  by: z.string(),
});

export const revocationList = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("RevocationList"),
  metadata: z.object({
    resourceVersion: z
      .string()
      .describe("What to ask after next; smaller than asked after when a backup was restored."),
  }),
  items: z.array(revocationEntry),
});

export const revocationOutcome = resource("RevocationOutcome", {
  dryRun: z.boolean().describe("Nothing was done."),
  quarantined: z.boolean().describe("The node came into quarantine by this, or would."),
  readmitted: z.boolean(),
  items: z.array(certificate).describe("The certificates that were revoked by this, or would be."),
});

export const ledgerVerification = resource("LedgerVerification", {
  sound: z.boolean(),
  revision: z.number(),
  auditEntries: z.number(),
  auditHead: hex.describe(
    "Hash of the newest audit entry: kept elsewhere, it shows later whether entries were cut off.",
  ),
  certificates: z.number(),
  decisions: z.number(),
  problems: z.array(z.string()),
  warnings: z
    .array(z.string())
    .describe("What is odd and makes it no less sound, such as the form of certificates that others issued."),
});

export const verificationProgress = resource("LedgerVerificationProgress", {
  running: z.boolean(),
  done: z.number().describe("Certificates that were looked into."),
  total: z.number().describe("0 until they are counted, and when nothing runs."),
});

const auditEntry = resource("AuditEntry", {
  sequence: z.number().describe("Its place in the hash chain; the first is 1."),
  at: z.string().meta({ format: "date-time" }).describe("With milliseconds."),
  user: z.string().describe("Who did it; gatehouse is the server itself."),
  verb: z.string(),
  resource: z.string(),
  name: z.string(),
  details: z.record(z.string(), z.unknown()),
  hash: hex.describe("SHA-256 over the hash before it, the sequence and the entry."),
});

export const auditEntryList = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("AuditEntryList"),
  metadata: z.object({
    resourceVersion: z
      .string()
      .describe("The sequence up to which everything was looked at: what comes later is after it."),
    continue: z.string().optional().describe("Where the next page starts; absent on the last page."),
  }),
  items: z.array(auditEntry),
});

export const certificateList = listOf("CertificateList", certificate);
export const recordedRequestList = listOf("RecordedRequestList", recordedRequest);
export const decisionList = listOf("DecisionList", decision);
export const bootstrapTokenList = listOf("BootstrapTokenList", bootstrapToken);
export const issuerList = listOf("IssuerList", issuer);

export type CertificateResource = z.infer<typeof certificate>;
export type RecordedRequestResource = z.infer<typeof recordedRequest>;
export type DecisionResource = z.infer<typeof decision>;
export type ApprovalOutcomeResource = z.infer<typeof approvalOutcome>;
export type ShadowChainResource = z.infer<typeof shadowChain>;
export type ApprovalChainResource = z.infer<typeof approvalChain>;
export type BootstrapTokenResource = z.infer<typeof bootstrapToken>;
export const configuredIssuerList = listOf("ConfiguredIssuerList", configuredIssuer);

export type ConfiguredIssuerResource = z.infer<typeof configuredIssuer>;
export type RevocationEntryResource = z.infer<typeof revocationEntry>;
export type RevocationOutcomeResource = z.infer<typeof revocationOutcome>;
export type IssuerRequestResource = z.infer<typeof issuerRequest>;
export type IssuerResource = z.infer<typeof issuer>;
export type ReencryptionResource = z.infer<typeof reencryption>;
export type AuditEntryResource = z.infer<typeof auditEntry>;
export type LedgerVerificationResource = z.infer<typeof ledgerVerification>;
export type VerificationProgressResource = z.infer<typeof verificationProgress>;

/** The body of a list answer. */
export function listBody<Item>(kind: string, items: readonly Item[], continueToken?: string) {
  const metadata = continueToken === undefined ? {} : { continue: continueToken };
  return { apiVersion: API_VERSION, kind, metadata, items };
}
