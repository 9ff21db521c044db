import { afterEach, expect, test } from "@jest/globals";
import type { JobRuns } from "../../../../services/certificate-authority/domain/job.ts";
import { createMemoryRuns } from "../../../../services/certificate-authority/rotation/scheduler/memory-runs.ts";
import type { Scheduler } from "../../../../services/certificate-authority/rotation/scheduler/scheduler.ts";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { aJob, Rig, settled } from "./rig.ts";

const MINUTE = 60;
const DAY = 86_400;

const opened: Scheduler[] = [];
afterEach(async () => {
  for (const scheduler of opened.splice(0)) await scheduler.stop();
});

async function started(rig: Rig, { job }: ReturnType<typeof aJob>, holder?: string): Promise<Scheduler> {
  const scheduler = rig.open(job, holder);
  opened.push(scheduler);
  await scheduler.start();
  return scheduler;
}

/** A store that refuses while `full` is set, as a ledger on a full disk does. */
function fillable() {
  const runs = createMemoryRuns();
  const state = { full: false };
  const guarded = <T>(work: () => Promise<T>): Promise<T> =>
    state.full ? Promise.reject(new StatusError("ServiceUnavailable", "the disk is full")) : work();
  const store: JobRuns = {
    ...runs,
    register: (...given) => guarded(() => runs.register(...given)),
    claim: (...given) => guarded(() => runs.claim(...given)),
    beat: (...given) => guarded(() => runs.beat(...given)),
    finish: (...given) => guarded(() => runs.finish(...given)),
  };
  return { store, state };
}

test("a job runs at its times, and its history says when, how long and with what outcome", async () => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  work.set(async (context) => {
    context.report("one thing");
    return { summary: "did 3", details: { of: 3 } };
  });
  await rig.live(25 * MINUTE, scheduler);
  const history = await rig.history();
  expect(history.map(({ startedAt }) => startedAt.toISOString())).toEqual([
    "2026-01-02T03:20:00.000Z",
    "2026-01-02T03:10:00.000Z",
  ]);
  expect(history[0]).toMatchObject({
    ...{ trigger: "schedule", outcome: "succeeded", summary: "did 3", details: { of: 3, lines: ["one thing"] } },
    ...{ requestedBy: undefined, dryRun: false, holder: "a", durationMilliseconds: 0 },
  });
  expect(rig.observed).toEqual(["job succeeded", "job succeeded"]);
});

test("jitter puts each run off, and the schedule stays where it is", async () => {
  const rig = new Rig();
  rig.random = 0.5;
  const scheduler = await started(rig, aJob({ jitterSeconds: 60 }));
  await rig.live(17 * MINUTE, scheduler);
  const starts = (await rig.history()).map(({ startedAt }) => startedAt.toISOString());
  expect(starts).toEqual(["2026-01-02T03:20:30.000Z", "2026-01-02T03:10:30.000Z"]);
});

test("what was missed while no server ran comes once, and then at its times", async () => {
  const rig = new Rig();
  const work = aJob();
  const first = await started(rig, work);
  await rig.live(6 * MINUTE, first);
  await first.stop();
  rig.pass(DAY);
  const second = await started(rig, work, "b");
  await rig.live(10 * MINUTE, second);
  const history = await rig.history();
  expect(history.map(({ trigger, holder }) => `${trigger} ${holder}`)).toEqual([
    "schedule b",
    "missed b",
    "schedule a",
  ]);
});

test("a server that is started for the first time has missed nothing", async () => {
  const rig = new Rig();
  const scheduler = await started(rig, aJob());
  await rig.live(5 * MINUTE, scheduler);
  expect(await rig.history()).toEqual([]);
});

test.each([
  { name: "forward", jump: DAY },
  { name: "back", jump: -DAY },
])("a clock that jumps a day $name makes the job run once at most, and on at its times", async ({ jump }) => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  await rig.live(6 * MINUTE, scheduler);
  expect(work.contexts).toHaveLength(1);
  rig.clock.advance(jump);
  await rig.live(5, scheduler);
  expect(work.contexts.length - 1).toBe(jump > 0 ? 1 : 0);
  const before = work.contexts.length;
  await rig.live(30 * MINUTE, scheduler);
  expect(work.contexts.length - before).toBe(3);
});

test.each([{ jump: DAY }, { jump: -DAY }])(
  "a clock that jumped $jump s while no server ran neither keeps a job from running nor runs it again and again",
  async ({ jump }) => {
    const rig = new Rig();
    const work = aJob({ schedule: "@every 1h" });
    const first = await started(rig, work);
    await rig.live(60 * MINUTE, first);
    await first.stop();
    rig.clock.advance(jump);
    const second = await started(rig, work, "b");
    await rig.live(30, second);
    expect(work.contexts).toHaveLength(jump > 0 ? 2 : 1);
    await rig.live(60 * MINUTE, second);
    expect(work.contexts).toHaveLength(jump > 0 ? 3 : 2);
  },
);

test("two processes: at most one runs a job at a time, and each time of the schedule once", async () => {
  const rig = new Rig();
  const work = aJob();
  const both = [await started(rig, work, "a"), await started(rig, work, "b")];
  let running = 0;
  let most = 0;
  let end = (): void => undefined;
  work.set(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    running -= 1;
    return { summary: "" };
  });
  await rig.live(6 * MINUTE, ...both);
  expect(running).toBe(1);
  await rig.live(10 * MINUTE, ...both);
  end();
  await rig.live(3 * MINUTE, ...both);
  end();
  expect(most).toBe(1);
  // Due at 03:10 and, as it took until 03:20, at 03:20.
  expect(work.contexts).toHaveLength(2);
});

test("a process that was killed in a job: the run is interrupted once its lease is dead, and the job runs again", async () => {
  const rig = new Rig();
  const work = aJob();
  const killed = await started(rig, work, "killed");
  work.set(() => new Promise(() => undefined));
  await rig.live(6 * MINUTE, killed);
  const heir = await started(rig, work, "heir");
  work.set(async () => ({ summary: "went on" }));
  await rig.live(29, heir);
  expect(await rig.history()).toMatchObject([{ holder: "killed", outcome: "running" }]);
  await rig.live(2, heir);
  expect(await rig.history()).toMatchObject([
    { holder: "heir", trigger: "missed", outcome: "succeeded", summary: "went on" },
    { holder: "killed", outcome: "interrupted" },
  ]);
});

test("a process that was taken for dead is told to end, and does not record over its heir", async () => {
  const rig = new Rig();
  const work = aJob();
  const slow = await started(rig, work, "slow");
  work.set(({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  await rig.live(6 * MINUTE, slow);
  const heir = await started(rig, work, "heir");
  work.set(async () => ({ summary: "went on" }));
  await rig.live(32, heir);
  expect(work.contexts[0]?.signal.aborted).toBe(false);
  await rig.live(1, slow);
  expect(work.contexts[0]?.signal.aborted).toBe(true);
  await settled();
  expect((await rig.history()).map(({ holder, outcome }) => `${holder} ${outcome}`)).toEqual([
    "heir succeeded",
    "slow interrupted",
  ]);
});

test("a job that fails is recorded with the reason, and tried again sooner than its schedule, ever later", async () => {
  const rig = new Rig();
  const work = aJob({ schedule: "@every 1d" });
  const scheduler = await started(rig, work);
  work.set(() => Promise.reject(new Error("no space left")));
  await rig.live(1, scheduler);
  rig.clock.advance(DAY);
  await rig.live(4 * MINUTE, scheduler);
  const history = await rig.history();
  expect(history.map(({ trigger }) => trigger)).toEqual(["retry", "retry", "retry", "schedule"]);
  expect(history[0]).toMatchObject({ outcome: "failed", summary: "no space left" });
  work.set(async () => ({ summary: "" }));
  await rig.live(10 * MINUTE, scheduler);
  expect((await rig.history())[0]).toMatchObject({ outcome: "succeeded" });
  await rig.live(30 * MINUTE, scheduler);
  expect(await rig.history()).toHaveLength(5);
});

test("a full disk: the job waits, is tried again, and then says since when it could not begin", async () => {
  const { store, state } = fillable();
  const rig = new Rig(store);
  const work = aJob();
  const scheduler = await started(rig, work);
  state.full = true;
  await rig.live(7 * MINUTE, scheduler);
  expect(work.contexts).toEqual([]);
  expect(await scheduler.administration.list()).toMatchObject([{ problem: "the disk is full" }]);
  state.full = false;
  await rig.live(2 * MINUTE, scheduler);
  expect(await rig.history()).toMatchObject([
    { outcome: "succeeded", details: { late: { attempts: 2, because: "the disk is full" } } },
  ]);
  expect(await scheduler.administration.list()).toMatchObject([{ problem: undefined }]);
});

test("a disk that fills in a job: how it ended is recorded as soon as that is possible", async () => {
  const { store, state } = fillable();
  const rig = new Rig(store);
  const work = aJob();
  const scheduler = await started(rig, work);
  work.set(async () => {
    state.full = true;
    throw new Error("no space left");
  });
  await rig.live(6 * MINUTE, scheduler);
  expect(await rig.history()).toMatchObject([{ outcome: "running" }]);
  expect(await scheduler.administration.list()).toMatchObject([{ problem: expect.stringContaining("recorded") }]);
  state.full = false;
  work.set(async () => ({ summary: "done" }));
  await rig.live(MINUTE, scheduler);
  expect(await rig.history()).toMatchObject([
    { outcome: "succeeded" },
    { outcome: "failed", summary: "no space left" },
  ]);
});

test("a ledger that takes no sign of life ends the run before another process may begin it", async () => {
  const { store, state } = fillable();
  const rig = new Rig(store);
  const work = aJob();
  const scheduler = await started(rig, work);
  work.set(({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  await rig.live(6 * MINUTE, scheduler);
  state.full = true;
  await rig.live(30, scheduler);
  expect(work.contexts[0]?.signal.aborted).toBe(true);
});

test("a run that does not end is told to, and given up", async () => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  work.set(() => new Promise(() => undefined));
  await rig.live(5 * MINUTE + 55, scheduler);
  expect(work.contexts).toHaveLength(1);
  await rig.live(60 * MINUTE, scheduler);
  expect(work.contexts[0]?.signal.aborted).toBe(true);
  work.set(async () => ({ summary: "" }));
  await rig.live(2 * MINUTE, scheduler);
  const history = await rig.history();
  expect(history.at(-1)).toMatchObject({ outcome: "failed", summary: expect.stringContaining("did not end") });
  expect(history[0]).toMatchObject({ outcome: "succeeded" });
});

test("run now: at once, by whom, without touching the schedule, and also when disabled", async () => {
  const rig = new Rig();
  const work = aJob({ isEnabled: false });
  const scheduler = await started(rig, work);
  const { run, ended } = await scheduler.administration.runNow("job", { dryRun: false, requestedBy: "ada" });
  expect(run).toMatchObject({ outcome: "running", trigger: "manual", requestedBy: "ada" });
  expect(await ended).toMatchObject({ id: run.id, outcome: "succeeded", summary: "done" });
  await rig.live(30 * MINUTE, scheduler);
  expect(await rig.history()).toHaveLength(1);
  expect(await scheduler.administration.list()).toMatchObject([{ isEnabled: false, nextAt: undefined }]);
});

test("a dry run tells the job so, is recorded as one, and stands for no run of the schedule", async () => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  await rig.live(5 * MINUTE + 50, scheduler);
  const { ended } = await scheduler.administration.runNow("job", { dryRun: true, requestedBy: "ada" });
  expect(await ended).toMatchObject({ dryRun: true });
  await rig.live(10, scheduler);
  expect(work.contexts.map(({ dryRun }) => dryRun)).toEqual([true, false]);
});

test("what cannot be run now is refused in words", async () => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  const { administration } = scheduler;
  const ada = { dryRun: false, requestedBy: "ada" };
  await expect(administration.runNow("other", ada)).rejects.toMatchObject({ reason: "NotFound" });
  work.set(() => new Promise(() => undefined));
  await administration.runNow("job", ada);
  await expect(administration.runNow("job", ada)).rejects.toMatchObject({ reason: "Conflict" });
  const elsewhere = await started(rig, work, "b");
  await expect(elsewhere.administration.runNow("job", ada)).rejects.toMatchObject({
    reason: "Conflict",
    message: expect.stringContaining("in a"),
  });
  await expect(administration.run("job", 99)).rejects.toMatchObject({ reason: "NotFound" });
});

test("a server that stops tells the job to end, and records that it was interrupted", async () => {
  const rig = new Rig();
  const work = aJob();
  const scheduler = await started(rig, work);
  work.set(({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
  await rig.live(6 * MINUTE, scheduler);
  await scheduler.stop();
  expect(await rig.history()).toMatchObject([{ outcome: "interrupted", summary: "the server stopped" }]);
  await rig.live(30 * MINUTE, scheduler);
  expect(work.contexts).toHaveLength(1);
});
