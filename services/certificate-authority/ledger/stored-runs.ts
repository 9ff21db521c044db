import { DETAILS_LIMIT, type JobRuns, SUMMARY_LIMIT } from "../domain/job.ts";
import { RECORD_BYTES, type StoredRecordsDependencies } from "./stored-records.ts";
import { runsReader, toJobLease, toRunRecord } from "./tables/runs-table.ts";

/** The runs of jobs in the ledger, and their leases. */
export function storedRuns({ reader, writer }: Pick<StoredRecordsDependencies, "reader" | "writer">): JobRuns {
  const table = runsReader(reader);
  const asItIs = <T>(answer: T): T => answer;
  return {
    async register(jobs, at) {
      if (jobs.every((job) => table.lease(job) !== undefined)) return;
      await writer.submit({ kind: "registerJobs", jobs, atMilliseconds: at.getTime() }, RECORD_BYTES, asItIs);
    },
    past(job) {
      const lease = table.lease(job);
      const lastGoodStart = table.lastGoodStart(job);
      return {
        since: lease && new Date(lease.sinceMilliseconds),
        lease: lease && toJobLease(lease),
        lastGoodStart: lastGoodStart === undefined ? undefined : new Date(lastGoodStart),
      };
    },
    async claim({ job, holder, trigger, requestedBy, dryRun, at, dead }) {
      const wanted = { job, holder, trigger, requestedBy: requestedBy ?? null, dryRun: dryRun ? 1 : 0, dead } as const;
      const operation = { kind: "claimRun", ...wanted, atMilliseconds: at.getTime() } as const;
      const answer = await writer.submit(operation, RECORD_BYTES, asItIs);
      if (answer.kind === "held") {
        const { holder: other, runId, beats } = answer;
        return { kind: "held", lease: { holder: other, runId, beats } };
      }
      const begun = { finishedAt: undefined, durationMilliseconds: undefined, outcome: "running" } as const;
      const what = { id: answer.runId, job, trigger, requestedBy, dryRun, holder, startedAt: at };
      return { kind: "claimed", run: { ...what, ...begun, summary: "", details: {} } };
    },
    beat: ({ job, runId, holder }) => writer.submit({ kind: "beatRun", job, runId, holder }, RECORD_BYTES, asItIs),
    async finish({ job, runId, at, durationMilliseconds, outcome, summary, details }) {
      const result = {
        durationMilliseconds: durationMilliseconds === undefined ? null : Math.round(durationMilliseconds),
        outcome,
        summary: summary.slice(0, SUMMARY_LIMIT),
        details: boundedJson(details),
      };
      const operation = { kind: "finishRun", job, runId, atMilliseconds: at.getTime(), ...result } as const;
      return writer.submit(operation, RECORD_BYTES, asItIs);
    },
    find: async ({ job, limit, before = Number.MAX_SAFE_INTEGER }) => table.latest(job, before, limit).map(toRunRecord),
    async get(job, id) {
      const row = table.byId(job, id);
      return row && toRunRecord(row);
    },
  };
}

function boundedJson(details: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(details);
  return text.length <= DETAILS_LIMIT ? text : JSON.stringify({ leftOut: `${text.length} characters were too many` });
}
