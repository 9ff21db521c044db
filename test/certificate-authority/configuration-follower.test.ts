import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { ApprovalSettings } from "../../services/certificate-authority/approval/settings.ts";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { followConfiguration } from "../../services/certificate-authority/configuration-follower.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

const HEAD = "apiVersion: gatehouse.dev/v1\nkind: GatehouseConfiguration\n";
const MANUAL = "approval: { hooks: [{ manual: {} }] }\n";
const CLIENT = "approval: { hooks: [{ kubelet-client: {} }] }\n";

function harness(text: string) {
  const directory = temporaryDirectory();
  const configFile = join(directory, "gatehouse.yaml");
  const hookFile = join(directory, "rules.yaml");
  const write = (content: string) => writeFileSync(configFile, HEAD + content);
  write(text);
  writeFileSync(hookFile, "one");
  const adopted: ApprovalSettings[] = [];
  const failures: Error[] = [];
  const during: { adoption: () => void } = { adoption: () => undefined };
  const { logger, lines } = recordingLogger();
  const clock = new SettableClock();
  const overrides = { configFile, dataDirectory: directory };
  const follower = followConfiguration({
    ...{ overrides, configuration: loadConfiguration(overrides), clock, logger },
    hookFiles: () => [hookFile],
    adopt(approval) {
      const failure = failures.shift();
      if (failure) throw failure;
      adopted.push(approval);
      during.adoption();
    },
  });
  const kinds = () => adopted.map(({ hooks }) => hooks.flatMap((hook) => Object.keys(hook)).join());
  return { follower, write, adopted, kinds, failures, during, lines, clock, configFile, hookFile };
}

test("a new chain is taken, once", () => {
  const { follower, write, kinds } = harness(MANUAL);
  follower.check();
  expect(kinds()).toEqual([]);
  write(CLIENT);
  follower.check();
  follower.check();
  expect(kinds()).toEqual(["kubelet-client"]);
  expect(follower.status).toMatchObject({ problem: undefined, needsRestart: [] });
});

test("what says the same in other words changes nothing", () => {
  const { follower, write, adopted } = harness(MANUAL);
  write(`# a remark\n${MANUAL}`);
  follower.check();
  expect(adopted).toEqual([]);
});

test.each([
  { name: "no YAML", text: "approval: [", says: /is not valid YAML/ },
  { name: "an unknown hook", text: "approval: { hooks: [{ wizard: {} }] }\n", says: /approval/ },
  { name: "an error elsewhere in the file", text: `${CLIENT}log: { level: loud }\n`, says: /log\.level/ },
])("an invalid file keeps the chain, and says why once: $name", ({ text, says }) => {
  const { follower, write, kinds, lines, clock } = harness(MANUAL);
  write(text);
  follower.check();
  clock.advance(60);
  follower.check();
  expect(kinds()).toEqual([]);
  expect(follower.status?.problem?.message).toMatch(says);
  expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
  write(CLIENT);
  follower.check();
  expect([kinds(), follower.status?.problem]).toEqual([["kubelet-client"], undefined]);
});

test("a file that is gone is a problem, not a change", () => {
  const { follower, configFile, kinds } = harness(MANUAL);
  rmSync(configFile);
  follower.check();
  expect(follower.status?.problem?.message).toMatch(/cannot read the configuration file/);
  expect(kinds()).toEqual([]);
});

test("a chain that cannot be made is tried again after a minute", () => {
  const { follower, write, kinds, failures, clock } = harness(MANUAL);
  failures.push(new Error("no such program"), new Error("no such program"));
  write(CLIENT);
  follower.check();
  follower.check();
  expect([failures.length, follower.status?.problem?.message]).toEqual([1, "no such program"]);
  clock.advance(60);
  follower.check();
  clock.advance(60);
  follower.check();
  expect([kinds(), follower.status?.problem]).toEqual([["kubelet-client"], undefined]);
});

test("going back to the chain in force solves the problem and changes nothing", () => {
  const { follower, write, kinds, failures } = harness(MANUAL);
  failures.push(new Error("no such program"));
  write(CLIENT);
  follower.check();
  write(MANUAL);
  follower.check();
  expect([kinds(), follower.status?.problem]).toEqual([[], undefined]);
});

test("a file that a hook was made from makes a new chain", () => {
  const { follower, hookFile, kinds } = harness(MANUAL);
  writeFileSync(hookFile, "two");
  follower.check();
  follower.check();
  expect(kinds()).toEqual(["manual"]);
});

test.each([
  { name: "the configuration", rewrite: ({ write }: ReturnType<typeof harness>) => write(MANUAL), last: "manual" },
  {
    name: "a file of a hook",
    rewrite: ({ hookFile }: ReturnType<typeof harness>) => writeFileSync(hookFile, "two"),
    last: "kubelet-client",
  },
])("what is written while a chain is made is taken too: $name", ({ rewrite, last }) => {
  const parts = harness(MANUAL);
  const { follower, write, kinds, during } = parts;
  during.adoption = () => rewrite(parts);
  write(CLIENT);
  follower.check();
  during.adoption = () => undefined;
  follower.check();
  follower.check();
  expect(kinds()).toEqual(["kubelet-client", last]);
});

test("other settings are named as in need of a restart, and warned of once", () => {
  const { follower, write, lines, adopted } = harness(MANUAL);
  write(`${MANUAL}log: { level: debug }\nlimits: { maxStoredRequests: 5000 }\n`);
  follower.check();
  write(`${CLIENT}log: { level: debug }\nlimits: { maxStoredRequests: 5000 }\n`);
  follower.check();
  expect(follower.status?.needsRestart).toEqual(["limits.maxStoredRequests", "log.level"]);
  expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  expect(adopted).toHaveLength(1);
  write(CLIENT);
  follower.check();
  expect(follower.status?.needsRestart).toEqual([]);
});

test("without a file there is nothing to follow", () => {
  const { logger } = recordingLogger();
  const overrides = {};
  const follower = followConfiguration({
    ...{ overrides, configuration: loadConfiguration(overrides), clock: new SettableClock(), logger },
    hookFiles: () => [],
    adopt: () => {
      throw new Error("not asked for");
    },
  });
  follower.check();
  expect([follower.status, follower.paths]).toEqual([undefined, []]);
});

test("what has changed is told without taking it, with what keeps it from being taken", () => {
  const { follower, write, kinds, hookFile, configFile } = harness(MANUAL);
  expect(follower.due()).toEqual({ files: [], problem: undefined });
  writeFileSync(hookFile, "two");
  expect(follower.due()).toEqual({ files: [hookFile], problem: undefined });
  write("nonsense: 1");
  const { files, problem } = follower.due();
  expect(files).toEqual([configFile, hookFile]);
  expect(problem).toContain("is not valid");
  expect(kinds()).toEqual([]);
  follower.check();
  expect(follower.due()).toEqual({ files: [], problem: expect.stringContaining("is not valid") });
});
