import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { FakeJobs, RUN } from "../fakes/jobs.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  const { history, status, ended } = new FakeJobs();
  Object.assign(server.jobs, { history, status, ended });
  server.jobs.asked.length = 0;
});

test.each([["rotate"], ["rotate", "--list"]])("%s %s lists the jobs", async (...args) => {
  expect(await server.command(args)).toEqual({
    code: 0,
    stdout: [
      "JOB             SCHEDULE       NEXT                   LAST                   OUTCOME     SUMMARY",
      "prune-archive   */10 * * * *   2026-01-02T03:10:00Z   2026-01-02T03:00:00Z   succeeded   kept 3",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("a disabled job, and one that cannot begin", async () => {
  server.jobs.status = { isEnabled: false, nextAt: undefined, problem: "the disk is full" };
  expect((await server.command(["rotate"])).stdout).toMatch(/disabled .* the disk is full\n/);
});

test("rotate --history lists the runs", async () => {
  server.jobs.history = [{ ...RUN, id: 9, trigger: "manual", requestedBy: "ada", dryRun: true }, RUN];
  expect(await server.command(["rotate", "--history"])).toEqual({
    code: 0,
    stdout: [
      "STARTED                JOB             RUN   TRIGGER            BY    SECONDS   OUTCOME     SUMMARY",
      "2026-01-02T03:00:00Z   prune-archive   9     manual (dry run)   ada   1.250     succeeded   kept 3",
      "2026-01-02T03:00:00Z   prune-archive   7     schedule           -     1.250     succeeded   kept 3",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("rotate JOB runs it, waits for its end, and prints what it told", async () => {
  server.jobs.ended = Promise.resolve({ ...RUN, id: 8, details: { lines: ["one\u001b[2J", "two"] } });
  expect(await server.command(["rotate", "prune-archive", "--dry-run"])).toEqual({
    code: 0,
    stdout: "one\\u001b[2J\ntwo\nkept 3\n",
    stderr: "",
  });
  expect(server.jobs.asked).toEqual([{ dryRun: true, requestedBy: "alice" }]);
});

test("a run that takes long is asked after until it has ended", async () => {
  server.jobs.ended = new Promise(() => undefined);
  server.jobs.history = [{ ...RUN, id: 8, summary: "took long" }];
  const { code, stdout } = await server.command(["rotate", "prune-archive", "--request-timeout", "1s"]);
  expect([code, stdout]).toEqual([0, "took long\n"]);
});

test.each(["failed", "interrupted"] as const)("a run that %s ends the command with exit code 1", async (outcome) => {
  server.jobs.ended = Promise.resolve({ ...RUN, outcome, summary: "no space left" });
  const { code, stdout, stderr } = await server.command(["rotate", "prune-archive"]);
  expect([code, stdout, stderr]).toEqual([
    1,
    "no space left\n",
    `error: the job prune-archive ${outcome}: no space left\n`,
  ]);
});

test.each([
  { args: ["rotate", "--dry-run"], message: "--dry-run needs a job, and neither --list nor --history" },
  { args: ["rotate", "x", "--list"], message: "--list takes neither a job nor --history" },
  { args: ["rotate", "--history", "--limit", "0"], message: "must be a whole number from 1 to 200" },
])("$args is refused", async ({ args, message }) => {
  const { code, stderr } = await server.command(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});

test("a job that is not there is refused in the server's words", async () => {
  const { code, stderr } = await server.command(["rotate", "x"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("there is no job x")]);
});
