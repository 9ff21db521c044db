import { expect, test } from "@jest/globals";
import request from "supertest";
import { RUN } from "../../../fakes/jobs.ts";
import { adminApi, failure } from "./fixture.ts";

const DESCRIBED = {
  ...{ apiVersion: "gatehouse.dev/v1", kind: "JobRun", id: 7, job: "prune-archive", trigger: "schedule" },
  ...{ dryRun: false, holder: "host/1/ab", outcome: "succeeded", summary: "kept 3", details: { kept: 3 } },
  ...{ startedAt: "2026-01-02T03:00:00Z", finishedAt: "2026-01-02T03:00:01Z", durationMilliseconds: 1_250 },
};

test("jobs are listed with when they run next and how they went", async () => {
  const { app, jobs } = adminApi();
  const answer = await request(app).get("/v1/jobs");
  expect([answer.status, answer.body]).toEqual([
    200,
    {
      ...{ apiVersion: "gatehouse.dev/v1", kind: "JobList", metadata: {} },
      items: [
        {
          ...{ apiVersion: "gatehouse.dev/v1", kind: "Job", name: "prune-archive", description: "prunes" },
          ...{ schedule: "*/10 * * * *", jitterSeconds: 60, enabled: true, scope: "authority" },
          ...{ nextAt: "2026-01-02T03:10:00Z", lastRun: DESCRIBED },
        },
      ],
    },
  ]);
  jobs.status = { isEnabled: false, nextAt: undefined, problem: "the disk is full", lastRun: undefined };
  const [item] = (await request(app).get("/v1/jobs")).body.items;
  expect(item).toMatchObject({ enabled: false, problem: "the disk is full" });
  expect(Object.keys(item)).not.toEqual(expect.arrayContaining(["nextAt"]));
});

test("runs come in pages, the newest first", async () => {
  const { app, jobs } = adminApi();
  jobs.history = [9, 8, 7].map((id) => ({ ...RUN, id }));
  const first = await request(app).get("/v1/jobs/prune-archive/runs?limit=2");
  expect(first.body).toMatchObject({ kind: "JobRunList", metadata: { continue: "8" }, items: [{ id: 9 }, { id: 8 }] });
  const second = await request(app).get("/v1/jobs/prune-archive/runs?limit=2&continue=8");
  expect(second.body).toMatchObject({ metadata: {}, items: [{ id: 7 }] });
  expect((await request(app).get("/v1/jobs/prune-archive/runs/7")).body).toEqual(DESCRIBED);
});

test("a job is run for the caller, and its end waited for as long as asked", async () => {
  const { app, jobs } = adminApi();
  const waited = await request(app).post("/v1/jobs/prune-archive/run").send({ dryRun: true, waitSeconds: 60 });
  expect([waited.status, waited.body.outcome]).toEqual([201, "succeeded"]);
  expect(jobs.asked).toEqual([{ dryRun: true, requestedBy: "alice" }]);
  jobs.ended = new Promise(() => undefined);
  const begun = await request(app).post("/v1/jobs/prune-archive/run");
  expect([begun.status, begun.body]).toEqual([
    201,
    expect.objectContaining({ id: 8, outcome: "running", trigger: "manual", requestedBy: "alice" }),
  ]);
});

test.each([
  { name: "an unknown job", path: "/v1/jobs/x/runs", code: 404, reason: "NotFound", message: "there is no job x" },
  {
    ...{ name: "a run that is none", path: "/v1/jobs/prune-archive/runs/x", code: 400, reason: "BadRequest" },
    message: '"x" is no number of a run',
  },
  {
    ...{ name: "too many", path: "/v1/jobs/prune-archive/runs?limit=501", code: 400, reason: "BadRequest" },
    message: 'query parameter "limit" is "501": must be at most 500',
  },
  {
    ...{ name: "a forged page", path: "/v1/jobs/prune-archive/runs?continue=x", code: 400, reason: "BadRequest" },
    message: 'query parameter "continue" is "x": must be metadata.continue of the page before',
  },
])("$name is refused in words", async ({ path, code, reason, message }) => {
  const answer = await request(adminApi().app).get(path);
  expect([answer.status, answer.body]).toEqual([code, failure(code, reason, message)]);
});

test("what is not understood of a wish is named", async () => {
  const answer = await request(adminApi().app).post("/v1/jobs/prune-archive/run").send({ dryRun: "yes", force: true });
  expect(answer.status).toBe(422);
  expect(answer.body.message).toContain('dryRun: "yes" must be true or false');
  expect(answer.body.message).toContain("force: unknown field; known are apiVersion, kind, dryRun, waitSeconds");
});
