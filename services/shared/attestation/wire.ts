import { z } from "zod";

/** The kinds of attestors: what a machine can prove itself by. */
export const ATTESTOR_KINDS = [
  "join_token",
  "x509pop",
  "sshpop",
  "tpm2",
  "oidc",
  "gcp_iit",
  "psat",
  "aws_iid",
  "aws_sts",
  "azure_imds",
] as const;

export type AttestorKind = (typeof ATTESTOR_KINDS)[number];

/** Requests are small; only a TPM's event log is not. In octets of JSON. */
export const MAXIMUM_BODY_BYTES = 64 * 1024;
export const MAXIMUM_BODY_BYTES_WITH_EVENT_LOG = 1024 * 1024;

/** At most that many certificates in one piece of evidence. */
export const MAXIMUM_CERTIFICATES = 5;

const BASE64URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/;

/** Octets as base64url without padding. @param maximum - in octets, once decoded. */
export function octets(maximum: number) {
  return z
    .string()
    .max(Math.ceil((maximum * 4) / 3))
    .regex(BASE64URL, "must be base64url without padding");
}

/** The octets of a text that `octets` accepted. */
export function octetsOf(text: string): Buffer {
  return Buffer.from(text, "base64url");
}

const nodeName = z.string().max(253);
const spki = octets(1024);

/** `POST /v1/attest/challenge`. */
export const challengeRequestSchema = z.strictObject({
  v: z.literal(1),
  attestor: z.enum(ATTESTOR_KINDS),
  /** Which of several profiles of that kind; may be absent where there is but one. */
  profile: z.string().max(63).optional(),
  /** The name the machine wishes for: a hint that the evidence has to bear out. */
  nodeName: nodeName.optional(),
  /** DER of the bootstrap key's SubjectPublicKeyInfo. */
  spki,
  /** What the attestor must know for a challenge, as its own schema says. */
  hello: z.record(z.string(), z.unknown()).default({}),
});
export type ChallengeRequest = z.input<typeof challengeRequestSchema>;

export const challengeAnswerSchema = z.object({
  /** Opaque; given back as it is. */
  challenge: z.string(),
  nonce: octets(32),
  /** What `bind` is made with. */
  audience: z.string(),
  /** RFC 3339. */
  expiresAt: z.string(),
  /** What the attestor tells the machine, as its own schema says. */
  params: z.record(z.string(), z.unknown()),
});
export type ChallengeAnswer = z.infer<typeof challengeAnswerSchema>;

/** `POST /v1/attest/complete`. `spki` and `hello` are those of the challenge again, which holds only their hashes. */
export const completeRequestSchema = z.strictObject({
  challenge: z.string().max(16 * 1024),
  spki,
  hello: z.record(z.string(), z.unknown()).default({}),
  /** `signPossession` of the bootstrap key, as `bootstrap-key`. */
  keySig: octets(1024),
  /** The same of the key of the machine's present kubelet certificate, with that certificate: only where a node is Ready. */
  kubelet: z.strictObject({ certificate: octets(16 * 1024), signature: octets(1024) }).optional(),
  /** The evidence, as the attestor's schema says. */
  proof: z.record(z.string(), z.unknown()),
});
export type CompleteRequest = z.input<typeof completeRequestSchema>;

export const completeAnswerSchema = z.object({
  nodeName: z.string(),
  kind: z.enum(["clientCert", "token"]),
  /** The credential's id; for `token`, the token's. */
  credentialId: z.string(),
  /** With `clientCert`: the chain, leaf first. */
  certPem: z.string().optional(),
  /** With `token`: `<id>.<secret>`. */
  token: z.string().optional(),
  expiresAt: z.string(),
  /** What a kubelet bootstraps with; with `clientCert` without the key, which the machine adds. YAML. */
  kubeconfig: z.string(),
});
export type CompleteAnswer = z.infer<typeof completeAnswerSchema>;

/** Why there was no answer; details stay in the authority's audit log. */
export const ATTESTATION_ERROR_CODES = ["bad_request", "denied", "conflict", "slow_down"] as const;
export type AttestationErrorCode = (typeof ATTESTATION_ERROR_CODES)[number];
