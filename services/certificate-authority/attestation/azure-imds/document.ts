import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { azureNonce } from "../../../shared/attestation/proofs.ts";
import { readSignedJson } from "../cms/signed-json.ts";
import { denied } from "../refusal.ts";
import type { AzureImdsSettings } from "./settings.ts";

/** Much less than for how long Azure says it is good. */
const MAXIMUM_AGE_SECONDS = 300;
const TIME = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) -0000$/;

const guid = z.guid().toLowerCase();
/** What we use of it. Azure adds keys now and then. */
const schema = z.object({
  vmId: guid,
  subscriptionId: guid,
  nonce: z.string().max(64),
  timeStamp: z.object({ createdOn: z.string().max(32), expiresOn: z.string().max(32).optional() }),
});
export type AttestedDocument = z.infer<typeof schema>;

/**
 * Reads what Azure has signed, and judges whether it is for this attestation.
 *
 * @throws {AttestationRefusal}
 */
export function readAttestedDocument(
  content: Buffer,
  bind: Buffer,
  { subscriptions, clockSkewSeconds }: AzureImdsSettings,
  now: Date,
): AttestedDocument {
  const parsed = schema.safeParse(readSignedJson(content));
  if (!parsed.success) throw denied(`it is no attested document: ${z.prettifyError(parsed.error)}`);
  const { subscriptionId, nonce, timeStamp } = parsed.data;
  if (!isSame(nonce, azureNonce(bind)))
    throw denied("the document is for another attestation: its nonce is not bind's");
  const ageSeconds = (now.getTime() - instantOf(timeStamp.createdOn)) / 1000;
  if (ageSeconds < -clockSkewSeconds) throw denied(`the document was made in the future, at ${timeStamp.createdOn}`);
  if (ageSeconds > MAXIMUM_AGE_SECONDS + clockSkewSeconds)
    throw denied(`the document was made at ${timeStamp.createdOn}, too long ago`);
  const { expiresOn } = timeStamp;
  if (expiresOn !== undefined && instantOf(expiresOn) + clockSkewSeconds * 1000 < now.getTime())
    throw denied(`the document has expired at ${expiresOn}`);
  if (!subscriptions.includes(subscriptionId))
    throw denied(`the profile does not list the subscription ${subscriptionId}`);
  return parsed.data;
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** `MM/DD/YY HH:MM:SS -0000` in milliseconds since the epoch. */
function instantOf(text: string): number {
  const [, month, day, year, hour, minute, second] = TIME.exec(text) ?? [];
  const instant = new Date(`20${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Date takes the 31st of February for the 3rd of March.
  if (Number.isNaN(instant.getTime()) || instant.getUTCDate() !== Number(day))
    throw denied(`${JSON.stringify(text)} is no time of an attested document`);
  return instant.getTime();
}
