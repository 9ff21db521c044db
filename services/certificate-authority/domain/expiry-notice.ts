import type { ExpiryState } from "./expiry.ts";
import type { NoticeState, Told } from "./expiry-records.ts";

/** A certificate gets worse only; a clock that was set back says nothing new. */
const SEVERITY: Readonly<Record<ExpiryState, number>> = { fresh: 0, due: 1, overdue: 2, lost: 3 };

/**
 * What there is to say of a holder, in view of what was said: each state of a certificate at most once, and never one
 * that came before what was said, whatever the clock does; `renewed` when something was said of the certificate before.
 *
 * @param wanted - states that are said at all.
 */
export function noticeFor(
  told: Pick<Told, "certificateId" | "state"> | undefined,
  current: { readonly certificateId: number; readonly state: ExpiryState },
  wanted: ReadonlySet<NoticeState>,
): NoticeState | undefined {
  const isNext = told !== undefined && current.certificateId > told.certificateId;
  const isSame = told !== undefined && current.certificateId === told.certificateId;
  const { state } = current;
  if (state !== "fresh" && wanted.has(state)) {
    return isSame && SEVERITY[state] <= SEVERITY[told.state] ? undefined : state;
  }
  // What was said of the former certificate is over, whether anybody wants to hear so or not.
  return isNext ? "renewed" : undefined;
}
