import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type JobLease, RUNS_KEPT, type RunClaim } from "../../../services/certificate-authority/domain/job.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";

const AT = new Date("2026-01-02T03:04:05Z");

let opened: TestLedger;
beforeEach(async () => {
  opened = await openTestLedger();
  await runs().register(["prune", "clean"], AT);
});
afterEach(() => opened.ledger.close());

const runs = () => opened.ledger.runs;

function claim(overrides: Partial<RunClaim> = {}) {
  const usual = { job: "prune", holder: "a", trigger: "schedule", requestedBy: undefined, dryRun: false } as const;
  return runs().claim({ ...usual, at: AT, dead: undefined, ...overrides });
}

async function claimed(overrides: Partial<RunClaim> = {}) {
  const answer = await claim(overrides);
  if (answer.kind !== "claimed") throw new Error("the lease is held");
  return answer.run;
}

const ended = { job: "prune", at: new Date(AT.getTime() + 1_500), durationMilliseconds: 1_500.4, details: { of: 3 } };

test("a run is on record from its beginning, and as it ended", async () => {
  const run = await claimed({ trigger: "manual", requestedBy: "ada", dryRun: true });
  expect(await runs().get("prune", run.id)).toEqual({
    ...{ id: run.id, job: "prune", trigger: "manual", requestedBy: "ada", dryRun: true, holder: "a" },
    ...{ startedAt: AT, finishedAt: undefined, durationMilliseconds: undefined, outcome: "running" },
    ...{ summary: "", details: {} },
  });
  expect(await runs().finish({ ...ended, runId: run.id, outcome: "succeeded", summary: "done" })).toBe(true);
  expect(await runs().get("prune", run.id)).toMatchObject({
    ...{ outcome: "succeeded", summary: "done", details: { of: 3 }, durationMilliseconds: 1_500 },
    finishedAt: ended.at,
  });
  expect(await runs().get("clean", run.id)).toBeUndefined();
});

test("while a run has the lease nobody else gets it, and other jobs have theirs", async () => {
  const { id } = await claimed();
  expect(await claim({ holder: "b" })).toEqual({ kind: "held", lease: { holder: "a", runId: id, beats: 0 } });
  expect(await claim({ job: "clean", holder: "b" })).toMatchObject({ kind: "claimed" });
  await runs().finish({ ...ended, runId: id, outcome: "failed", summary: "no" });
  expect(runs().past("prune").lease).toBeUndefined();
  expect(await claim({ holder: "b" })).toMatchObject({ kind: "claimed" });
});

test("a dead lease is taken over once, its run is interrupted, and the dead cannot end it any more", async () => {
  const { id } = await claimed();
  const dead: JobLease = { holder: "a", runId: id, beats: 0 };
  const answers = [await claim({ holder: "b", dead }), await claim({ holder: "c", dead })];
  expect(answers.map(({ kind }) => kind)).toEqual(["claimed", "held"]);
  expect(await runs().get("prune", id)).toMatchObject({ outcome: "interrupted", durationMilliseconds: undefined });
  expect(await runs().beat({ job: "prune", runId: id, holder: "a" })).toBe(false);
  expect(await runs().finish({ ...ended, runId: id, outcome: "succeeded", summary: "late" })).toBe(false);
  expect(await runs().get("prune", id)).toMatchObject({ outcome: "interrupted" });
  expect(runs().past("prune").lease).toMatchObject({ holder: "b" });
});

test("a lease whose holder has shown itself meanwhile is not dead", async () => {
  const { id } = await claimed();
  expect(await runs().beat({ job: "prune", runId: id, holder: "a" })).toBe(true);
  const answer = await claim({ holder: "b", dead: { holder: "a", runId: id, beats: 0 } });
  expect(answer).toEqual({ kind: "held", lease: { holder: "a", runId: id, beats: 1 } });
});

test("the past: since when, and the last run that did something and was good", async () => {
  const good = await claimed();
  await runs().finish({ ...ended, runId: good.id, outcome: "succeeded", summary: "" });
  const later = new Date(AT.getTime() + 60_000);
  const tried = await claimed({ dryRun: true, at: later });
  await runs().finish({ ...ended, runId: tried.id, outcome: "succeeded", summary: "" });
  const failed = await claimed({ at: later });
  await runs().finish({ ...ended, runId: failed.id, outcome: "failed", summary: "" });
  await runs().register(["prune", "new"], later);
  expect(runs().past("prune")).toEqual({ since: AT, lease: undefined, lastGoodStart: AT });
  expect(runs().past("new")).toEqual({ since: later, lease: undefined, lastGoodStart: undefined });
  expect(runs().past("unknown")).toEqual({ since: undefined, lease: undefined, lastGoodStart: undefined });
});

test("the history is bounded for each job, newest first, and pages go on where the one before ended", async () => {
  const other = await claimed({ job: "clean" });
  for (let index = 0; index < RUNS_KEPT + 3; index += 1) {
    const { id } = await claimed();
    await runs().finish({ ...ended, runId: id, outcome: "succeeded", summary: `run ${index}` });
  }
  const all = await runs().find({ job: "prune", limit: 1_000, before: undefined });
  expect(all).toHaveLength(RUNS_KEPT);
  expect(all[0]?.summary).toBe(`run ${RUNS_KEPT + 2}`);
  const page = await runs().find({ job: "prune", limit: 2, before: all[1]?.id });
  expect(page).toEqual(all.slice(2, 4));
  expect(await runs().get("clean", other.id)).toBeDefined();
});

test("what a run says is bounded", async () => {
  const { id } = await claimed();
  const details = { long: "x".repeat(10_000) };
  await runs().finish({ ...ended, runId: id, outcome: "succeeded", summary: "y".repeat(5_000), details });
  const run = await runs().get("prune", id);
  expect(run?.summary).toHaveLength(1_000);
  expect(run?.details).toEqual({ leftOut: "10011 characters were too many" });
});

test("a job that could not be registered before is with its first run", async () => {
  expect(await claim({ job: "unknown" })).toMatchObject({ kind: "claimed" });
  expect(runs().past("unknown")).toMatchObject({ since: AT, lease: { holder: "a" } });
});
