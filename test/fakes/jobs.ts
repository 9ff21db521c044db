import type { JobAdministration, JobStatus, RunRecord } from "../../services/certificate-authority/domain/job.ts";
import { StatusError } from "../../services/shared/status-error.ts";

export const RUN: RunRecord = {
  ...{ id: 7, job: "prune-archive", trigger: "schedule", requestedBy: undefined, dryRun: false, holder: "host/1/ab" },
  startedAt: new Date("2026-01-02T03:00:00.250Z"),
  finishedAt: new Date("2026-01-02T03:00:01.500Z"),
  ...{ durationMilliseconds: 1_250, outcome: "succeeded", summary: "kept 3", details: { kept: 3 } },
};

/** One job whose runs are those in `history`, the newest first; a run of it ends when it is told to. */
export class FakeJobs implements JobAdministration {
  history: readonly RunRecord[] = [RUN];
  status: Partial<JobStatus> = {};
  readonly asked: unknown[] = [];
  ended: Promise<RunRecord> = Promise.resolve({ ...RUN, id: 8, trigger: "manual" });

  async list(): Promise<readonly JobStatus[]> {
    const job: JobStatus = {
      ...{ name: "prune-archive", description: "prunes", schedule: "*/10 * * * *", jitterSeconds: 60 },
      ...{ isEnabled: true, scope: "authority", problem: undefined },
      nextAt: new Date("2026-01-02T03:10:00Z"),
      lastRun: this.history[0],
    };
    return [{ ...job, ...this.status }];
  }

  async runNow(job: string, wanted: { readonly dryRun: boolean; readonly requestedBy: string }) {
    requireKnown(job);
    this.asked.push(wanted);
    const begun = { outcome: "running", finishedAt: undefined, durationMilliseconds: undefined } as const;
    return { run: { ...RUN, id: 8, trigger: "manual", ...wanted, ...begun } as const, ended: this.ended };
  }

  async runs(job: string, { limit, before }: { readonly limit: number; readonly before: number | undefined }) {
    requireKnown(job);
    return this.history.filter(({ id }) => before === undefined || id < before).slice(0, limit);
  }

  async run(job: string, id: number): Promise<RunRecord> {
    requireKnown(job);
    const found = this.history.find((run) => run.id === id);
    if (found === undefined) throw new StatusError("NotFound", `the job ${job} has no run ${id}`);
    return found;
  }
}

function requireKnown(job: string): void {
  if (job !== "prune-archive") throw new StatusError("NotFound", `there is no job ${job}`);
}
