import type { JobLease } from "../../domain/job.ts";

/** How long a lease that shows no sign of life is respected. */
export const LEASE_MILLISECONDS = 30_000;

/**
 * Tells whether the holder of a lease is dead, by a clock that only goes forward and by what this process has seen
 * itself: wall clocks of several processes, or before and after a restart, prove nothing.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go (observedTime).
 */
export function watchLease(elapsed: () => number) {
  let seen: { readonly lease: JobLease; readonly at: number } | undefined;
  return {
    /** @returns whether the lease has stood still for as long as leases are respected. */
    isDead(lease: JobLease): boolean {
      if (seen?.lease.runId !== lease.runId || seen.lease.beats !== lease.beats) seen = { lease, at: elapsed() };
      return elapsed() - seen.at >= LEASE_MILLISECONDS;
    },
  };
}
