import { StatusError } from "../../shared/status-error.ts";
import type { Spread } from "./spread.ts";

const MIN_TTL_SECONDS = 600;
const BACKDATE_SECONDS = 300;
const SHORT_LIVED_SECONDS = 8 * 3600;
/** kube-apiserver takes certificates that began five minutes ago at most, and a write may have to be repeated. */
const POD_BACKDATE_SECONDS = 60;
const POD_MINIMUM_SECONDS = 3600;

export interface ValidityLimits {
  /** The longest lifetime, and the one chosen when none is asked for and there is no default. */
  readonly maximumSeconds: number;
  /** What is chosen when no lifetime is asked for. */
  readonly defaultSeconds?: number | undefined;
  readonly issuerNotAfter: Date;
  /** Of a pod, for which kube-apiserver has limits of its own. */
  readonly isForPod?: boolean;
  /** Takes something off the end when no lifetime is asked for; `key` is the request's uid. */
  readonly spread?: { readonly by: Spread; readonly key: string } | undefined;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Chooses the lifetime of a certificate, in whole seconds: five minutes are backdated, and taken off the end when the
 * lifetime is eight hours or more. Never outlives the issuer. A lifetime that was asked for is not spread.
 *
 * @param requestedSeconds - `spec.expirationSeconds`; undefined asks for the default.
 * @throws {StatusError} InternalError when the issuer has expired at `now`: to be tried again with another issuer.
 *
 * Source: kubernetes pkg/controller/certificates/signer/signer.go, authority/policies.go.
 */
export function chooseValidity(requestedSeconds: number | undefined, limits: ValidityLimits, now: Date): Validity {
  if (limits.issuerNotAfter <= now) throw new StatusError("InternalError", "the issuer's certificate has expired");
  if (limits.isForPod) return choosePodValidity(requestedSeconds, limits, now);
  const asked = Math.max(requestedSeconds ?? limits.defaultSeconds ?? limits.maximumSeconds, MIN_TTL_SECONDS);
  const ttlSeconds = Math.min(asked, limits.maximumSeconds);
  // Backdating would take a visible share of a short lifetime, so only long ones pay for it.
  const forwardSeconds = ttlSeconds < SHORT_LIVED_SECONDS ? ttlSeconds : ttlSeconds - BACKDATE_SECONDS;
  const nowEpoch = Math.floor(now.getTime() / 1000);
  const issuerEpoch = Math.floor(limits.issuerNotAfter.getTime() / 1000);
  const beginEpoch = nowEpoch - BACKDATE_SECONDS;
  const endEpoch = Math.min(nowEpoch + forwardSeconds, issuerEpoch);
  const spread = requestedSeconds === undefined ? limits.spread : undefined;
  const notAfterEpoch = spread?.by.notAfter({ beginEpoch, nowEpoch, endEpoch }, spread.key) ?? endEpoch;
  return { notBefore: new Date(beginEpoch * 1000), notAfter: new Date(notAfterEpoch * 1000) };
}

/**
 * The whole lifetime of a pod's certificate is within what was asked for, and an hour at least.
 *
 * @throws {StatusError} InternalError when the issuer does not live that long.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go (ValidatePodCertificateRequestStatusUpdate).
 */
function choosePodValidity(requestedSeconds: number | undefined, limits: ValidityLimits, now: Date): Validity {
  const beginEpoch = Math.floor(now.getTime() / 1000) - POD_BACKDATE_SECONDS;
  const ttlSeconds = Math.min(requestedSeconds ?? limits.maximumSeconds, limits.maximumSeconds);
  const endEpoch = Math.min(beginEpoch + ttlSeconds, Math.floor(limits.issuerNotAfter.getTime() / 1000));
  if (endEpoch - beginEpoch < POD_MINIMUM_SECONDS)
    throw new StatusError(
      "InternalError",
      "the issuer expires within the hour that a pod's certificate lasts at least",
    );
  return { notBefore: new Date(beginEpoch * 1000), notAfter: new Date(endEpoch * 1000) };
}
