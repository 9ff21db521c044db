import { isRenewedByKubelets, RENEWAL_BEGINS, RENEWAL_ENDS, RETRY_SECONDS, renewalWindow } from "./kubelet-renewal.ts";

/**
 * How the newest certificate of a holder stands: `fresh` will be renewed in time, `due` is inside the window in which
 * kubelets renew, `overdue` is past it and was not renewed, `lost` has ended.
 */
export const EXPIRY_STATES = ["fresh", "due", "overdue", "lost"] as const;
export type ExpiryState = (typeof EXPIRY_STATES)[number];

/** What is judged of a certificate; the backdate counts as lifetime. */
export interface Expiring {
  readonly signerName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What is to be expected of a certificate. */
export interface Expectation {
  readonly state: ExpiryState;
  /** Kubelets renew by themselves; for everybody else the same window is when somebody should. */
  readonly renewsItself: boolean;
  /** When the renewal is to come. */
  readonly renewalBegins: Date;
  readonly renewalEnds: Date;
  /** Inside the window: the share of such kubelets that have asked by now. */
  readonly shareThatAsked: number;
  /** While nobody approves, a kubelet that has begun to ask asks again within so many seconds. */
  readonly asksAgainWithinSeconds: number | undefined;
}

/** @param now - compared with notAfter, which is the last valid instant (RFC 5280 section 4.1.2.5). */
export function expectationOf(certificate: Expiring, now: Date): Expectation {
  const { notBefore, notAfter, signerName } = certificate;
  const { begins, ends } = renewalWindow(certificate);
  const state = expiryStateAt(notBefore.getTime(), notAfter.getTime(), now.getTime());
  const renewsItself = isRenewedByKubelets(signerName);
  const passed = (now.getTime() - begins.getTime()) / (ends.getTime() - begins.getTime());
  const isAsking = renewsItself && (state === "due" || state === "overdue");
  return {
    ...{ state, renewsItself },
    renewalBegins: begins,
    renewalEnds: ends,
    shareThatAsked: Math.min(1, Math.max(0, Number.isNaN(passed) ? 1 : passed)),
    asksAgainWithinSeconds: isAsking ? Math.ceil(RETRY_SECONDS) : undefined,
  };
}

/** The same for instants in milliseconds since 1970: asked of whole fleets at once. */
export function expiryStateAt(notBefore: number, notAfter: number, now: number): ExpiryState {
  if (now > notAfter) return "lost";
  const lifetime = notAfter - notBefore;
  if (now > notBefore + lifetime * RENEWAL_ENDS) return "overdue";
  return now < notBefore + lifetime * RENEWAL_BEGINS ? "fresh" : "due";
}
