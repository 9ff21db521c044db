import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { JobAdministration, JobStatus, RunRecord } from "../../domain/job.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, listBody } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const DEFAULT_LIMIT = 50;
const MAXIMUM_LIMIT = 500;
const MAXIMUM_WAIT_SECONDS = 60;

const time = z.string().meta({ format: "date-time" });

export const jobRun = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("JobRun"),
  id: z.int().describe("Greater for later runs."),
  job: z.string(),
  trigger: z.enum(["schedule", "missed", "retry", "manual"]),
  requestedBy: z.string().optional().describe("Who asked for a manual run."),
  dryRun: z.boolean(),
  holder: z.string().describe("The process: host, number and a random part."),
  outcome: z.enum(["running", "succeeded", "failed", "interrupted"]),
  startedAt: time,
  finishedAt: time.optional(),
  durationMilliseconds: z.number().optional(),
  summary: z.string(),
  details: z.record(z.string(), z.unknown()),
});

const job = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Job"),
  name: z.string(),
  description: z.string(),
  schedule: z.string().describe("Cron in UTC, or @every and a duration."),
  jitterSeconds: z.number(),
  enabled: z.boolean(),
  scope: z
    .enum(["authority", "process"])
    .describe("Whether one process runs it for all, with a history in the ledger, or each for itself."),
  nextAt: time.optional().describe("Absent when it is disabled."),
  problem: z.string().optional().describe("Why it could not begin, or be recorded, the last time."),
  lastRun: jobRun.optional(),
});

const items = <Kind extends string, Item extends z.ZodType>(kind: Kind, item: Item) =>
  z.object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind),
    metadata: z.object({ continue: z.string().optional().describe("Where the next page starts.") }),
    items: z.array(item),
  });

export const jobList = items("JobList", job);
export const jobRunList = items("JobRunList", jobRun);

/** The query of `GET /v1/jobs/{name}/runs`. */
export const runsQuery = z.strictObject({
  limit: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(MAXIMUM_LIMIT, `must be at most ${MAXIMUM_LIMIT}`)
    .default(DEFAULT_LIMIT)
    .describe("How many to answer at most."),
  continue: z
    .string()
    .regex(/^\d{1,15}$/, "must be metadata.continue of the page before")
    .optional()
    .describe("metadata.continue of the page before."),
});

/** The body of `POST /v1/jobs/{name}/run`. */
export const jobRunRequest = z.strictObject({
  apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
  kind: z.literal("JobRunRequest", "must be JobRunRequest or left out").optional(),
  dryRun: z.boolean("must be true or false").default(false).describe("Changes nothing, tells what would be changed."),
  waitSeconds: z
    .number("must be a number")
    .min(0, "must be at least 0")
    .max(MAXIMUM_WAIT_SECONDS, `must be at most ${MAXIMUM_WAIT_SECONDS}`)
    .default(0)
    .describe("How long to wait for the end of the run before answering."),
});

/** The jobs of the scheduler: what they are, how they went, and run them now. */
export function jobHandlers(jobs: JobAdministration) {
  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    sendJson(call.response, 200, listBody("JobList", (await jobs.list()).map(describeJob)));
  }

  async function runs(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const query = readQuery(runsQuery, call.query);
    const before = query.continue === undefined ? undefined : Number(query.continue);
    const found = await jobs.runs(pathParameter(call, 1), { limit: query.limit + 1, before });
    const page = found.slice(0, query.limit);
    const next = found.length > page.length ? String(page.at(-1)?.id) : undefined;
    sendJson(call.response, 200, listBody("JobRunList", page.map(describeRun), next));
  }

  async function show(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const id = pathParameter(call, 3);
    if (!/^\d{1,15}$/.test(id)) throw new StatusError("BadRequest", `${JSON.stringify(id)} is no number of a run`);
    sendJson(call.response, 200, describeRun(await jobs.run(pathParameter(call, 1), Number(id))));
  }

  async function run(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { dryRun, waitSeconds } = await readJsonBody(call, jobRunRequest, "JobRunRequest");
    const begun = await jobs.runNow(pathParameter(call, 1), { dryRun, requestedBy: call.user.username });
    const impatience = new AbortController();
    const patience = setTimeout(waitSeconds * 1000, begun.run, { signal: impatience.signal }).catch(() => begun.run);
    const run = await Promise.race([begun.ended, patience]);
    impatience.abort();
    sendJson(call.response, 201, describeRun(run));
  }

  return { list, runs, show, run } satisfies Record<string, Handler>;
}

function describeJob(status: JobStatus): z.infer<typeof job> {
  const { name, description, schedule, jitterSeconds, isEnabled, scope, nextAt, problem, lastRun } = status;
  return {
    ...({ apiVersion: API_VERSION, kind: "Job" } as const),
    ...{ name, description, schedule, jitterSeconds, enabled: isEnabled, scope },
    ...(nextAt && { nextAt: toKubernetesTime(nextAt) }),
    ...(problem !== undefined && { problem }),
    ...(lastRun && { lastRun: describeRun(lastRun) }),
  };
}

function describeRun(run: RunRecord): z.infer<typeof jobRun> {
  const { id, trigger, requestedBy, dryRun, holder, outcome, startedAt, finishedAt, durationMilliseconds } = run;
  return {
    ...({ apiVersion: API_VERSION, kind: "JobRun" } as const),
    ...{ id, job: run.job, trigger, dryRun, holder, outcome, summary: run.summary, details: run.details },
    ...(requestedBy !== undefined && { requestedBy }),
    startedAt: toKubernetesTime(startedAt),
    ...(finishedAt && { finishedAt: toKubernetesTime(finishedAt) }),
    ...(durationMilliseconds !== undefined && { durationMilliseconds: Math.round(durationMilliseconds) }),
  };
}
