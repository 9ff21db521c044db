import type { JobLease, JobRuns, RunRecord } from "../../domain/job.ts";

/** Kept of each job. */
const RUNS_KEPT_IN_MEMORY = 20;

/** Runs of jobs that each process has for itself: nobody else's business, and gone with the process. */
export function createMemoryRuns(): JobRuns {
  const history = new Map<string, readonly RunRecord[]>();
  const leases = new Map<string, JobLease>();
  const since = new Map<string, Date>();
  let nextId = 1;
  const change = (job: string, id: number, to: Partial<RunRecord>): void => {
    history.set(
      job,
      of(job).map((run) => (run.id === id ? { ...run, ...to } : run)),
    );
  };
  const of = (job: string): readonly RunRecord[] => history.get(job) ?? [];
  return {
    async register(jobs, at) {
      for (const job of jobs) if (!since.has(job)) since.set(job, at);
    },
    past: (job) => ({
      since: since.get(job),
      lease: leases.get(job),
      lastGoodStart: of(job).find(({ outcome, dryRun }) => outcome === "succeeded" && !dryRun)?.startedAt,
    }),
    async claim({ job, holder, trigger, requestedBy, dryRun, at, dead }) {
      const lease = leases.get(job);
      if (lease !== undefined && (dead?.runId !== lease.runId || dead.beats !== lease.beats)) {
        return { kind: "held", lease };
      }
      if (lease !== undefined) change(job, lease.runId, { outcome: "interrupted", finishedAt: at });
      const begun = { finishedAt: undefined, durationMilliseconds: undefined, outcome: "running" } as const;
      const what = { id: nextId++, job, trigger, requestedBy, dryRun, holder, startedAt: at };
      const run: RunRecord = { ...what, ...begun, summary: "", details: {} };
      leases.set(job, { holder, runId: run.id, beats: 0 });
      history.set(job, [run, ...of(job).slice(0, RUNS_KEPT_IN_MEMORY - 1)]);
      return { kind: "claimed", run };
    },
    async beat({ job, runId }) {
      const lease = leases.get(job);
      if (lease?.runId !== runId) return false;
      leases.set(job, { ...lease, beats: lease.beats + 1 });
      return true;
    },
    async finish({ job, runId, at, outcome, summary, details, durationMilliseconds }) {
      if (leases.get(job)?.runId !== runId) return false;
      leases.delete(job);
      change(job, runId, { outcome, summary, details, finishedAt: at, durationMilliseconds });
      return true;
    },
    find: async ({ job, limit, before = Number.POSITIVE_INFINITY }) =>
      of(job)
        .filter(({ id }) => id < before)
        .slice(0, limit),
    get: async (job, id) => of(job).find((run) => run.id === id),
  };
}
