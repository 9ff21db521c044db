import { type CertificateSigningRequest, type CsrCondition, conditionOf } from "./certificate-signing-request.ts";

const HOUR = 3_600_000;

/** Why a request is deleted. */
export type CleaningReason =
  | "pendingTooLong"
  | "issuedLongAgo"
  | "certificateExpired"
  | "approvedNeverIssued"
  | "deniedLongAgo"
  | "failedLongAgo";

/**
 * Whether a request has outlived its use, and why; undefined when it stays. Only a limit that is strictly exceeded
 * counts, an unset time never does, and a condition's status is not looked at. Requests that carry nothing but custom
 * conditions stay for ever.
 *
 * @param notAfterOf - when the first certificate of `status.certificate` ends; undefined when it does not parse. Asked
 *   only when nothing else settles it.
 * Source: kubernetes pkg/controller/certificates/cleaner/cleaner.go.
 */
export function cleaningReason(
  csr: CertificateSigningRequest,
  now: Date,
  notAfterOf: (certificateBase64: string) => Date | undefined,
): CleaningReason | undefined {
  const conditions = csr.status.conditions ?? [];
  const anyOlder = (type: string, hours: number) =>
    conditions.some((condition) => condition.type === type && isOlder(condition, hours, now));
  if (conditions.length === 0) {
    return isTimeOlder(csr.metadata.creationTimestamp, 24, now) ? "pendingTooLong" : undefined;
  }
  if (anyOlder("Denied", 1)) return "deniedLongAgo";
  if (anyOlder("Failed", 1)) return "failedLongAgo";
  if (!conditionOf(csr, "Approved")) return undefined;
  const { certificate } = csr.status;
  if (!certificate) return anyOlder("Approved", 24) ? "approvedNeverIssued" : undefined;
  if (anyOlder("Approved", 1)) return "issuedLongAgo";
  const notAfter = notAfterOf(certificate);
  return notAfter && notAfter < now ? "certificateExpired" : undefined;
}

function isOlder({ lastUpdateTime }: CsrCondition, hours: number, now: Date): boolean {
  return lastUpdateTime !== undefined && isTimeOlder(lastUpdateTime, hours, now);
}

function isTimeOlder(time: string, hours: number, now: Date): boolean {
  // An unset or unreadable time is NaN here, and NaN is older than nothing.
  return now.getTime() - Date.parse(time) > hours * HOUR;
}
