import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { revocationFeed } from "../../../services/node-authorizer/revocations/revocation-feed.ts";
import type { RevocationSource } from "../../../services/node-authorizer/revocations/revocation-list.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const ONE = "0a".repeat(32);
const TWO = "fb".repeat(32);

interface Entry {
  readonly type: string;
  readonly fingerprint?: string;
  readonly nodeName?: string;
}

/** An authority that tells what it has, and fails when told to. */
function fakeAuthority() {
  const entries: Entry[] = [];
  const asked: Readonly<Record<string, string>>[] = [];
  const state: { failure: Error | undefined; answer: unknown } = { failure: undefined, answer: undefined };
  const get = async (path: string, query: Readonly<Record<string, string>>): Promise<unknown> => {
    expect(path).toBe("/v1/revocations");
    asked.push(query);
    if (state.failure !== undefined) throw state.failure;
    const items = entries
      .slice(Number(query["after"]))
      .map((entry, index) => ({ sequence: index, reason: "x", ...entry }));
    return state.answer ?? { kind: "RevocationList", metadata: { resourceVersion: String(entries.length) }, items };
  };
  return { entries, asked, state, get };
}

const running: RevocationSource[] = [];
afterEach(async () => {
  for (const source of running.splice(0)) await source.stop();
});

function open(
  authority: ReturnType<typeof fakeAuthority>,
  stateDirectory = temporaryDirectory(),
  retryMilliseconds = 10,
) {
  const { logger, lines } = recordingLogger();
  const clock = new SettableClock();
  const source = revocationFeed({
    get: authority.get,
    stateDirectory,
    clock,
    logger,
    waitSeconds: 1,
    retryMilliseconds,
  });
  running.push(source);
  return { source, lines, clock, stateDirectory, stateFile: join(stateDirectory, "revocations.json") };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = Date.now() + 5000; !isSo(); ) {
    if (Date.now() > limit) throw new Error("it never came to that");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("what the authority tells is in force and on disk; what comes later is heard", async () => {
  const authority = fakeAuthority();
  authority.entries.push({ type: "revoked", fingerprint: ONE }, { type: "quarantined", nodeName: "n1" });
  const { source, stateFile } = open(authority);
  expect(source.current()).toBeUndefined();
  await source.start();
  await until(() => source.current() !== undefined);
  expect(source.current()?.fingerprints).toEqual(new Set([ONE]));
  expect(source.current()?.nodeNames).toEqual(new Set(["n1"]));
  authority.entries.push({ type: "revoked", fingerprint: TWO }, { type: "readmitted", nodeName: "n1" });
  await until(() => source.current()?.fingerprints.has(TWO) === true);
  expect(source.current()?.nodeNames).toEqual(new Set());
  await until(() => JSON.parse(readFileSync(stateFile, "utf8")).revision === 4);
  expect(statSync(stateFile).mode & 0o777).toBe(0o600);
  await until(() => authority.asked.at(-1)?.["after"] === "4");
  expect(authority.asked[0]).toEqual({ after: "0", waitSeconds: "0" });
  expect(authority.asked.at(-1)).toEqual({ after: "4", waitSeconds: "1" });
});

test("before the last page nobody is answered, and no part of the list is kept for the whole", async () => {
  const authority = fakeAuthority();
  const page = (after: number) => ({
    metadata: { resourceVersion: String(after + 1) },
    items: [{ type: "revoked", fingerprint: after === 0 ? ONE : TWO }],
  });
  let last: () => void = () => undefined;
  const isLast = new Promise<void>((resolve) => {
    last = resolve;
  });
  const get = async (_: string, query: Readonly<Record<string, string>>): Promise<unknown> => {
    const after = Number(query["after"]);
    if (after === 1) await isLast;
    return after < 2 ? page(after) : { metadata: { resourceVersion: "2" }, items: [] };
  };
  const { source, stateFile } = open({ ...authority, get });
  await source.start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(source.current()).toBeUndefined();
  expect(existsSync(stateFile)).toBe(false);
  last();
  await until(() => source.current() !== undefined);
  expect(source.current()?.fingerprints).toEqual(new Set([ONE, TWO]));
  await until(() => existsSync(stateFile));
});

test("once the list is known, what comes next is waited for at once", async () => {
  const authority = fakeAuthority();
  const { source } = open(authority, undefined, 60_000);
  await source.start();
  await until(() => authority.asked.length === 2);
  expect(authority.asked[1]).toEqual({ after: "0", waitSeconds: "1" });
});

test("revocations that come one after the other do not make what is known look old", async () => {
  const authority = fakeAuthority();
  let newest = 0;
  // Whoever waits hears of the next one; whoever asks for what there is gets what is not known yet.
  const get = async (_: string, query: Readonly<Record<string, string>>): Promise<unknown> => {
    const after = Number(query["after"]);
    if (query["waitSeconds"] !== "0") {
      await new Promise((resolve) => setTimeout(resolve, 5));
      newest = after + 1;
    }
    const items = after < newest ? [{ type: "revoked", fingerprint: ONE }] : [];
    return { metadata: { resourceVersion: String(newest) }, items };
  };
  const { source, clock } = open({ ...authority, get });
  await source.start();
  await until(() => newest > 2);
  clock.set("2027-01-01T00:00:00Z");
  await until(() => source.confirmedAt()?.getTime() === Date.parse("2027-01-01T00:00:00Z"));
});

test("while the authority is away, a restart knows what was known, and its age is told", async () => {
  const authority = fakeAuthority();
  authority.entries.push({ type: "revoked", fingerprint: ONE });
  const first = open(authority);
  await first.source.start();
  await until(() => first.source.confirmedAt() !== undefined);
  await first.source.stop();
  authority.state.failure = new Error("connection refused");
  const second = open(authority, first.stateDirectory);
  await second.source.start();
  expect(second.source.current()?.fingerprints.has(ONE)).toBe(true);
  expect(second.source.confirmedAt()).toBeUndefined();
  await until(() => second.lines.some(({ problem }) => problem === "connection refused"));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(second.lines.filter(({ problem }) => problem === "connection refused")).toHaveLength(1);
  authority.state.failure = undefined;
  await until(() => second.source.confirmedAt() !== undefined);
  expect(second.lines.at(-1)).toMatchObject({ msg: "the authority's revocations are followed again" });
});

test("an authority that never answered leaves nothing known: nobody can be answered", async () => {
  const authority = fakeAuthority();
  authority.state.failure = new Error("connection refused");
  const { source, lines } = open(authority);
  await source.start();
  await until(() => lines.length > 0);
  expect(source.current()).toBeUndefined();
});

test.each([
  { name: "no list", answer: { kind: "Status" } },
  {
    name: "a fingerprint that is none",
    answer: { metadata: { resourceVersion: "1" }, items: [{ type: "revoked", fingerprint: "x" }] },
  },
])("$name is no answer", async ({ answer }) => {
  const authority = fakeAuthority();
  authority.state.answer = answer;
  const { source, lines } = open(authority);
  await source.start();
  await until(() => lines.some(({ level }) => level === "error"));
  expect(source.current()).toBeUndefined();
});

test("an authority that was restored from a backup is read again; who was revoked stays so", async () => {
  const authority = fakeAuthority();
  authority.entries.push({ type: "revoked", fingerprint: ONE }, { type: "revoked", fingerprint: TWO });
  const { source, lines } = open(authority);
  await source.start();
  await until(() => source.current()?.fingerprints.size === 2);
  authority.entries.length = 1;
  await until(() => lines.some(({ newest }) => newest === 1));
  await until(() => authority.asked.at(-1)?.["after"] === "1");
  expect(source.current()?.fingerprints).toEqual(new Set([ONE, TWO]));
});

test("a state that cannot be read is refused at the start, with the way out", async () => {
  const authority = fakeAuthority();
  const { source, stateFile } = open(authority);
  writeFileSync(stateFile, '{"revision":');
  await expect(source.start()).rejects.toThrow(/revocations\.json: .*remove it/);
});
