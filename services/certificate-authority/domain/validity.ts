import { StatusError } from "../../shared/status-error.ts";

const MIN_TTL_SECONDS = 600;
const BACKDATE_SECONDS = 300;
const SHORT_LIVED_SECONDS = 8 * 3600;

export interface ValidityLimits {
  /** The longest lifetime, and the one chosen when none is asked for and there is no default. */
  readonly maximumSeconds: number;
  /** What is chosen when no lifetime is asked for. */
  readonly defaultSeconds?: number | undefined;
  readonly issuerNotAfter: Date;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Chooses the lifetime of a certificate, in whole seconds: five minutes are backdated, and taken off the end when the
 * lifetime is eight hours or more. Never outlives the issuer.
 *
 * @param requestedSeconds - `spec.expirationSeconds`; undefined asks for the default.
 * @throws {StatusError} InternalError when the issuer has expired at `now`: to be tried again with another issuer.
 *
 * Source: kubernetes pkg/controller/certificates/signer/signer.go, authority/policies.go.
 */
export function chooseValidity(requestedSeconds: number | undefined, limits: ValidityLimits, now: Date): Validity {
  if (limits.issuerNotAfter <= now) throw new StatusError("InternalError", "the issuer's certificate has expired");
  const asked = Math.max(requestedSeconds ?? limits.defaultSeconds ?? limits.maximumSeconds, MIN_TTL_SECONDS);
  const ttlSeconds = Math.min(asked, limits.maximumSeconds);
  // Backdating would take a visible share of a short lifetime, so only long ones pay for it.
  const forwardSeconds = ttlSeconds < SHORT_LIVED_SECONDS ? ttlSeconds : ttlSeconds - BACKDATE_SECONDS;
  const nowEpoch = Math.floor(now.getTime() / 1000);
  const issuerEpoch = Math.floor(limits.issuerNotAfter.getTime() / 1000);
  return {
    notBefore: new Date((nowEpoch - BACKDATE_SECONDS) * 1000),
    notAfter: new Date(Math.min(nowEpoch + forwardSeconds, issuerEpoch) * 1000),
  };
}
