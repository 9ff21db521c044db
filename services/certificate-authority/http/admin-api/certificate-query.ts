import { z } from "zod";
import { parseDuration } from "../../../shared/duration.ts";
import { StatusError } from "../../../shared/status-error.ts";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import type { CertificateQuery } from "../../domain/ports.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const MAX_NAME_CHARACTERS = 253;
/** A certificate lives for 100 years at most; a longer look ahead is a slip of the finger. */
const MAX_EXPIRES_WITHIN_SECONDS = 100 * 366 * 86_400;

const name = z.string().min(1, "must not be empty; leave the parameter out to ask for all");
const instant = z.iso.datetime({ offset: true, error: "must be an RFC 3339 time such as 2026-11-30T00:00:00Z" });

function sha256(what: string) {
  return z
    .string()
    .refine((text) => isSha256(text), `must be ${what}: 64 hexadecimal digits, with or without colons`)
    .optional();
}

/** What `GET /v1/certificates` can be asked. */
export const certificateListQuery = z.strictObject({
  node: name.optional().describe("Only certificates of this node."),
  signer: name.optional().describe("Only certificates of this signer, e.g. kubernetes.io/kubelet-serving."),
  issuer: sha256("an issuer's id").describe("Only certificates of this issuer; the soonest to expire comes first."),
  san: name
    .max(MAX_NAME_CHARACTERS, `must have at most ${MAX_NAME_CHARACTERS} characters`)
    .optional()
    .describe("Only certificates with this DNS name or IP address; *.example.org is that name and no other."),
  key: sha256("the SHA-256 of a SubjectPublicKeyInfo").describe("Only certificates for this public key."),
  request: name.optional().describe("Only certificates that answer a request of this name."),
  state: z
    .enum(["valid", "expired", "revoked"], { error: "must be valid, expired or revoked" })
    .optional()
    .describe("Only certificates in this state; with expiresWithin the default is valid."),
  imported: z
    .enum(["true", "false"], { error: "must be true or false" })
    .optional()
    .describe("Only certificates that were imported, or that Gatehouse issued."),
  expiresWithin: z
    .string()
    .refine(isLookAhead, "must be a duration such as 90m, 24h or 30d, of at most 36600 days")
    .optional()
    .describe("Only certificates that expire within this time, e.g. 24h; the soonest comes first."),
  expiresBefore: instant.optional().describe("Only certificates that end before this time; the soonest comes first."),
  expiresAfter: instant
    .optional()
    .describe("Only certificates that end at this time or later; the soonest comes first."),
  limit: z
    .string()
    .refine(isLimit, `must be a whole number from 1 to ${MAX_LIMIT}; follow metadata.continue for more`)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
    .describe("How many to answer at most."),
  continue: name.optional().describe("metadata.continue of the page before."),
});

/** @throws {StatusError} BadRequest when the end of the window is given twice. */
export function toCertificateQuery(query: z.output<typeof certificateListQuery>, now: Date): CertificateQuery {
  const { node, signer, issuer, san, key, request, expiresAfter } = query;
  const expiresBefore = endOfWindow(query, now);
  // "Expires within a day" asks what is going to lapse; what already has lapsed must be asked for by name.
  const state = query.state ?? (query.expiresWithin === undefined ? undefined : "valid");
  return {
    limit: query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit),
    ...(node !== undefined && { nodeName: node }),
    ...(signer !== undefined && { signerName: signer }),
    ...(issuer !== undefined && { issuerId: toHex(issuer) }),
    ...(san !== undefined && { name: toHeldName(san) }),
    ...(key !== undefined && { spkiSha256: toHex(key) }),
    ...(request !== undefined && { requestName: request }),
    ...(query.imported !== undefined && { isImported: query.imported === "true" }),
    ...(state !== undefined && { state }),
    ...(expiresBefore !== undefined && { expiresBefore }),
    ...(expiresAfter !== undefined && { expiresAfter: new Date(expiresAfter) }),
    ...(query.continue !== undefined && { continueToken: query.continue }),
  };
}

function endOfWindow(
  { expiresWithin, expiresBefore }: z.output<typeof certificateListQuery>,
  now: Date,
): Date | undefined {
  if (expiresWithin !== undefined && expiresBefore !== undefined) {
    throw new StatusError(
      "BadRequest",
      "expiresWithin and expiresBefore both say when the time ends; give one of them",
    );
  }
  const aheadSeconds = expiresWithin === undefined ? undefined : parseDuration(expiresWithin);
  if (aheadSeconds !== undefined) return new Date(now.getTime() + aheadSeconds * 1000);
  return expiresBefore === undefined ? undefined : new Date(expiresBefore);
}

/** As the ledger has it: DNS names in lower case, addresses in their one form. */
function toHeldName(text: string): string {
  const octets = parseIpAddress(text);
  return (octets && formatIpAddress(octets)) ?? text.toLowerCase();
}

function toHex(text: string): string {
  return text.replaceAll(":", "").toLowerCase();
}

function isSha256(text: string): boolean {
  return text.length <= 95 && /^[0-9a-f]{64}$/.test(toHex(text));
}

function isLookAhead(text: string): boolean {
  const seconds = parseDuration(text);
  return seconds !== undefined && seconds <= MAX_EXPIRES_WITHIN_SECONDS;
}

function isLimit(text: string): boolean {
  return /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MAX_LIMIT;
}
