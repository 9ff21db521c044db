import type { Gauge } from "prom-client";
import { EXPIRY_STATES } from "../domain/expiry.ts";
import type { ExpiryCounts } from "../rotation/expiry/expiry.ts";

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

/**
 * Gauges of what expires.
 *
 * @param labelOf - signer names come from requesters: what they become as a label.
 */
export function expiryGauges(
  gauge: MakeGauge,
  labelOf: (signerName: string) => string,
): (counts: ExpiryCounts | undefined) => void {
  const holders = gauge(
    "gatehouse_expiry_holders",
    "Nodes, and others that have certificates, by signer and the state of their newest: fresh, due, overdue or lost",
    ["signer", "state"],
  );
  const soonest = gauge(
    "gatehouse_expiry_soonest_end_seconds",
    "When the first of the newest certificates ends that are still valid, seconds since 1970",
    ["signer"],
  );
  const observed = gauge(
    "gatehouse_expiry_observed_seconds",
    "When the record of certificates was last looked at for what expires, seconds since 1970",
  );
  const waiting = gauge(
    "gatehouse_expiry_notifications_waiting",
    "Notices of expiries that targets have not taken yet",
  );
  return (counts) => {
    if (counts === undefined) return;
    waiting.set(counts.waiting);
    observed.set(counts.observedAt.getTime() / 1000);
    holders.reset();
    soonest.reset();
    const ends = new Map<string, number>();
    for (const { signerName, counts: states, soonest: end } of counts.signers) {
      const signer = labelOf(signerName);
      for (const state of EXPIRY_STATES) holders.inc({ signer, state }, states[state]);
      if (end !== undefined) ends.set(signer, Math.min(end.getTime() / 1000, ends.get(signer) ?? Infinity));
    }
    for (const [signer, end] of ends) soonest.set({ signer }, end);
  };
}
