import { RUNS_KEPT } from "../domain/job.ts";
import type { Connection } from "./connection.ts";
import type { Answers, BeatRun, ClaimRun, FinishRun, RegisterJobs } from "./operations.ts";
import { runsReader, runsSql } from "./tables/runs-table.ts";

const NOBODY = { holder: null, runId: null, beats: 0 };
const INTERRUPTED = "its process ended before it did";

/** Runs of jobs and their leases, inside the caller's transaction. */
export function runWrites(connection: Connection) {
  const stored = runsReader(connection);
  const insert = connection.prepare<[Omit<ClaimRun, "kind" | "dead">]>(runsSql.insert);
  const end = connection.prepare<[Omit<FinishRun, "kind" | "job">]>(runsSql.end);
  const removeUpTo = connection.prepare<[{ job: string; id: number }]>(runsSql.removeUpTo);
  const oldestToGo = connection.prepare<[string, number], number>(runsSql.oldestToGo).pluck();
  const register = connection.prepare<[string, number]>(runsSql.register);
  const take = connection.prepare<[{ job: string; holder: string; runId: number }]>(runsSql.take);
  const beat = connection.prepare<[Omit<BeatRun, "kind">]>(runsSql.beat);
  const release = connection.prepare<[{ job: string; runId: number }]>(runsSql.release);

  /** @returns the lease that stands in the way. */
  function clearLease({ job, dead, atMilliseconds }: ClaimRun): Answers["claimRun"] | undefined {
    register.run(job, atMilliseconds);
    const { holder, runId, beats } = stored.lease(job) ?? NOBODY;
    if (holder === null || runId === null) return undefined;
    if (dead?.runId !== runId || dead.beats !== beats) return { kind: "held", holder, runId, beats };
    const ended = { durationMilliseconds: null, outcome: "interrupted", summary: INTERRUPTED, details: "{}" } as const;
    end.run({ runId, atMilliseconds, ...ended });
    return undefined;
  }

  return {
    register({ jobs, atMilliseconds }: RegisterJobs): undefined {
      for (const job of jobs) register.run(job, atMilliseconds);
      return undefined;
    },

    claim(operation: ClaimRun): Answers["claimRun"] {
      const held = clearLease(operation);
      if (held !== undefined) return held;
      const { job, trigger, requestedBy, dryRun, holder, atMilliseconds } = operation;
      const { lastInsertRowid } = insert.run({ job, trigger, requestedBy, dryRun, holder, atMilliseconds });
      const runId = Number(lastInsertRowid);
      take.run({ job, holder, runId });
      const id = oldestToGo.get(job, RUNS_KEPT);
      if (id !== undefined) removeUpTo.run({ job, id });
      return { kind: "claimed", runId };
    },

    beat: ({ job, runId, holder }: BeatRun): boolean => beat.run({ job, runId, holder }).changes === 1,

    finish({ job, runId, atMilliseconds, durationMilliseconds, outcome, summary, details }: FinishRun): boolean {
      release.run({ job, runId });
      return end.run({ runId, atMilliseconds, durationMilliseconds, outcome, summary, details }).changes === 1;
    },
  };
}
