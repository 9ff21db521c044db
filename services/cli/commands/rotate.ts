import { setTimeout } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { Job, JobRun, List } from "../api-types.ts";
import { CommandError, usageError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";

const JOBS_PATH = "/v1/jobs";
const MAXIMUM_RUNS = 200;
const WAIT_SECONDS = 20;
const POLL_MILLISECONDS = 1_000;
/** What of a run's details is printed for people. */
const LINES = "lines";

interface Options extends ConnectionOptions, FormatOptions {
  readonly dryRun: boolean;
  readonly list: boolean;
  readonly history: boolean;
  readonly limit: number;
}

export function addRotate(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("rotate")
    .argument("[job]", "the job to run; without one the jobs are listed")
    .summary("run the server's jobs, and see how they went")
    .description(
      "Run a job of the server's scheduler now, and wait for its end; for people, and for cron, systemd timers and\n" +
        "CronJobs (config/jobs/ has units and manifests) where a job is disabled in the configuration.\n\n" +
        "Exit codes: 0 it succeeded, 1 it failed, was interrupted, runs already or could not be asked for, 2 the\n" +
        "command line was wrong.",
    )
    .option("--dry-run", "change nothing, tell what would be changed", false)
    .option("--list", "list the jobs: when they run next, and how they went last", false)
    .option("--history", "list the runs of the job, or of all, the newest first", false)
    .option("--limit <count>", `with --history: how many runs of each job, at most ${MAXIMUM_RUNS}`, parseLimit, 20)
    .action((job: string | undefined, options: Options) =>
      withClient(terminal, options, (client) => act(client, job, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse rotate --list",
    "gatehouse rotate clean-requests --dry-run",
    "gatehouse rotate clean-requests",
    "gatehouse rotate --history clean-requests -o json",
  ]);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAXIMUM_RUNS) return limit;
  throw new InvalidArgumentError(`must be a whole number from 1 to ${MAXIMUM_RUNS}.`);
}

async function act(client: ApiClient, job: string | undefined, options: Options, terminal: Terminal): Promise<void> {
  const { dryRun, list, history, format, limit } = options;
  const { stdout } = terminal;
  if (dryRun && (list || history || job === undefined)) {
    throw usageError("--dry-run needs a job, and neither --list nor --history", "gatehouse rotate --list names them.");
  }
  if (list && (history || job !== undefined)) throw usageError("--list takes neither a job nor --history");
  if (history) {
    const runs = await historyOf(client, job, limit);
    writeObject(stdout, format, runs, () => formatTable([RUN_HEADER, ...runs.items.map(runRow)]));
  } else if (job === undefined) {
    const jobs = await client.json<List<Job>>({ path: JOBS_PATH });
    writeObject(stdout, format, jobs, () => formatTable([JOB_HEADER, ...jobs.items.map(jobRow)]));
  } else {
    const run = await runToEnd(client, job, options);
    writeObject(stdout, format, run, () => describeRun(run));
    if (run.outcome !== "succeeded") throw new CommandError(`the job ${job} ${run.outcome}: ${printable(run.summary)}`);
  }
}

async function historyOf(client: ApiClient, job: string | undefined, limit: number): Promise<List<JobRun>> {
  const names =
    job === undefined ? (await client.json<List<Job>>({ path: JOBS_PATH })).items.map(({ name }) => name) : [job];
  const items: JobRun[] = [];
  for (const name of names) {
    const path = `${JOBS_PATH}/${encodeURIComponent(name)}/runs`;
    const page = await client.json<List<JobRun>>({ path, query: { limit: String(limit) } });
    items.push(...page.items);
  }
  const newestFirst = items.toSorted((one, other) => other.startedAt.localeCompare(one.startedAt));
  return { apiVersion: "gatehouse.dev/v1", kind: "JobRunList", metadata: {}, items: newestFirst };
}

/** A run may take longer than an answer should: then it is asked after. */
async function runToEnd(client: ApiClient, job: string, { dryRun, requestTimeout }: Options): Promise<JobRun> {
  const path = `${JOBS_PATH}/${encodeURIComponent(job)}`;
  const body = { dryRun, waitSeconds: Math.min(WAIT_SECONDS, (requestTimeout ?? Number.POSITIVE_INFINITY) / 2) };
  let run = await client.json<JobRun>({ method: "POST", path: `${path}/run`, body });
  while (run.outcome === "running") {
    await setTimeout(POLL_MILLISECONDS);
    run = await client.json<JobRun>({ path: `${path}/runs/${run.id}` });
  }
  return run;
}

const JOB_HEADER = ["JOB", "SCHEDULE", "NEXT", "LAST", "OUTCOME", "SUMMARY"];

function jobRow({ name, schedule, enabled, nextAt, problem, lastRun }: Job): readonly string[] {
  const next = enabled ? (nextAt ?? "-") : "disabled";
  return [name, schedule, next, lastRun?.startedAt ?? "-", lastRun?.outcome ?? "-", problem ?? lastRun?.summary ?? ""];
}

const RUN_HEADER = ["STARTED", "JOB", "RUN", "TRIGGER", "BY", "SECONDS", "OUTCOME", "SUMMARY"];

function runRow(run: JobRun): readonly string[] {
  const { startedAt, job, id, trigger, requestedBy, durationMilliseconds, dryRun, outcome, summary } = run;
  const seconds = durationMilliseconds === undefined ? "-" : (durationMilliseconds / 1000).toFixed(3);
  const shown = dryRun ? `${trigger} (dry run)` : trigger;
  return [startedAt, job, String(id), shown, requestedBy ?? "-", seconds, outcome, summary];
}

function describeRun({ summary, details }: JobRun): string {
  const lines = details[LINES];
  const told = Array.isArray(lines) ? lines.map(String) : [];
  return [...told, summary].map((line) => `${printable(line)}\n`).join("");
}
