import { expect, test } from "@jest/globals";
import { CHECKS } from "../../../services/certificate-authority/diagnosis/registry.ts";
import { diagnose } from "../../../services/certificate-authority/doctor.ts";
import { makeInstallation } from "../../builders/installation.ts";
import { storedCsr } from "../../builders/stored-csr.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { examine, lines } from "./examine.ts";

test("ids are unique and begin with their topic", () => {
  const ids = CHECKS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z]+\.[a-z-]+$/);
});

test("a sound configuration, and none at all, are well", async () => {
  expect(await examine("configuration.file", { settings: {} })).toMatchObject([{ outcome: "ok" }]);
  expect(lines(await examine("configuration.file"))).toEqual(["ok no configuration file: defaults are in force"]);
});

test("every problem of a configuration is told by its path", async () => {
  const findings = await examine("configuration.file", {
    settings: { server: { listen: "localhost:70000", maxWatches: -1 }, rbac: { files: [7] }, surplus: true },
  });
  expect(findings.map(({ subject }) => subject.replace(/^.*: /, "")).toSorted()).toEqual([
    "rbac.files[0]",
    "server.listen",
    "server.maxWatches",
    "whole",
  ]);
  expect(findings.every(({ outcome, wayOut }) => outcome === "error" && wayOut !== undefined)).toBe(true);
});

test("a file that is no YAML, or not there, is one problem", async () => {
  expect(await examine("configuration.file", { text: "a: [" })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("is not valid YAML") },
  ]);
});

test("without a configuration that can be read the other checks say so instead of guessing", async () => {
  const { checks, summary } = await diagnose({
    configFile: `${temporaryDirectory()}/missing.yaml`,
    isFull: false,
    timeoutSeconds: 10,
    chooseServer: () => ({ kind: "none", reason: "none" }),
  });
  expect(summary).toMatchObject({ error: 1, warning: 0 });
  const guessed = checks.filter(({ findings }) => findings.some(({ outcome }) => outcome !== "skipped"));
  const independent = ["configuration.file", "runtime.node", "clock.synchronised"];
  expect(guessed.every(({ id }) => independent.includes(id))).toBe(true);
});

test.each([
  { name: "a limit that limits nobody", limits: { requestsPerSecondPerIdentity: 500_000 }, at: "PerIdentity" },
  { name: "one that starves a rack of kubelets", limits: { requestsPerSecondPerAddress: 1 }, at: "PerAddress" },
  {
    name: "guessing at any speed",
    limits: { failedAuthenticationsPerMinutePerAddress: 50_000 },
    at: "failedAuthenticationsPerMinutePerAddress",
  },
])("$name is a warning", async ({ limits, at }) => {
  expect(await examine("configuration.limits", { settings: { limits } })).toMatchObject([
    { outcome: "warning", subject: expect.stringContaining(at) },
    { outcome: "skipped" },
  ]);
});

test("settings that contradict each other or are for measuring are warnings", async () => {
  const settings = { server: { maxConnections: 100, maxWatches: 200 }, ledger: { commitDelayMilliseconds: 5 } };
  const findings = await examine("configuration.limits", { settings });
  expect(findings.filter(({ outcome }) => outcome === "warning").map(({ subject }) => subject)).toEqual([
    "server.maxWatches",
    "ledger.commitDelayMilliseconds",
  ]);
});

test("stored requests are counted against their limit", async () => {
  const { dataDirectory } = await makeInstallation({
    fill: async ({ requests }) => {
      for (let index = 0; index < 90; index += 1) await requests.create(storedCsr(`csr-${index}`));
    },
  });
  const about = async (maxStoredRequests: number) =>
    lines(await examine("configuration.limits", { dataDirectory, settings: { limits: { maxStoredRequests } } })).at(-1);
  expect(await about(100)).toBe("warning limits.maxStoredRequests: 90 of 100 requests are stored; more are refused");
  expect(await about(1000)).toBe("ok limits.maxStoredRequests: 90 of 1000 requests are stored");
});

test.each([
  { name: "the machine's", system: { memoryBytes: 1024 ** 3 } },
  {
    name: "the control group's",
    system: { readText: (path: string) => (path === "/sys/fs/cgroup/memory.max" ? "1073741824\n" : undefined) },
  },
])("too little memory for the connections is a warning: $name", async ({ system }) => {
  expect(await examine("runtime.memory", { system })).toMatchObject([
    { outcome: "warning", wayOut: expect.stringMatching(/lower server\.maxConnections to \d+$/) },
  ]);
  const settings = { server: { maxConnections: 1000 } };
  expect(await examine("runtime.memory", { system, settings })).toMatchObject([{ outcome: "ok" }]);
});

test.each([
  { version: "22.18.0", outcome: "error" },
  { version: "22.19.0", outcome: "ok" },
  { version: "23.5.0", outcome: "warning" },
  { version: "24.0.1", outcome: "ok" },
  { version: "26.0.0", outcome: "warning" },
])("Node.js $version: $outcome", async ({ version: nodeVersion, outcome }) => {
  expect(await examine("runtime.node", { system: { nodeVersion } })).toMatchObject([{ outcome }]);
});

test.each([
  { limit: "1024", outcome: "warning" },
  { limit: "1048576", outcome: "ok" },
  { limit: "unlimited", outcome: "ok" },
])("$limit open files for 20000 connections: $outcome", async ({ limit, outcome }) => {
  const readText = () => `Max cpu time   unlimited\nMax open files            ${limit}   4096   files\n`;
  expect(await examine("runtime.open-files", { system: { readText } })).toMatchObject([{ outcome }]);
});

test("where limits are not told the check is skipped", async () => {
  const system = { readText: () => undefined };
  expect(await examine("runtime.open-files", { system })).toMatchObject([{ outcome: "skipped" }]);
});
