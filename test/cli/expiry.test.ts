import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";
import { NOW } from "./fixture.ts";

const DAY = 86_400_000;
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY);
const SIGNER = "kubernetes.io/kubelet-serving";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.fleetExpiry.asked.length = 0;
  const holder = { index: 0, namesHash: 0, isNode: true, certificateId: 1, fingerprint: "ab", signerName: SIGNER };
  const item = {
    ...{ ...holder, name: "worker-1", state: "overdue" as const, renewsItself: true, shareThatAsked: 1 },
    ...{ notBefore: inDays(-95), notAfter: inDays(5), renewalBegins: inDays(-25), renewalEnds: inDays(-5) },
    asksAgainWithinSeconds: 936,
  };
  server.fleetExpiry.reports = {
    ...{ observedAt: NOW, isCut: false, continueToken: undefined },
    signers: [{ signerName: SIGNER, counts: { fresh: 7, due: 0, overdue: 1, lost: 0 }, soonest: inDays(5) }],
    items: [item],
  };
  server.fleetExpiry.forecasts = {
    ...{ from: NOW, until: inDays(2), observedAt: NOW, bucketSeconds: 86_400, nodes: 3, leaving: 2, lost: 1 },
    buckets: [
      { from: NOW, nodes: 0, serving: 1 },
      { from: inDays(1), nodes: 2, serving: 0 },
    ],
    items: [{ nodeName: "worker-1", at: NOW, signerName: SIGNER, leavesAt: inDays(1) }],
    continueToken: undefined,
  };
});

test("expiry shows how many are in which state, and those that are not fresh", async () => {
  expect(await server.command(["expiry", "--signer", SIGNER, "--node", "worker-1"])).toEqual({
    code: 0,
    stdout: [
      "SIGNER                          FRESH   DUE   OVERDUE   LOST   SOONEST END",
      "kubernetes.io/kubelet-serving   7       0     1         0      2026-01-07T03:04:05Z",
      "",
      "STATE     NAME       SIGNER                          RENEWS AFTER           RENEWS BEFORE          NOT AFTER",
      "overdue   worker-1   kubernetes.io/kubelet-serving   2025-12-08T03:04:05Z   2025-12-28T03:04:05Z   2026-01-07T03:04:05Z",
      "",
    ].join("\n"),
    stderr: "",
  });
  expect(server.fleetExpiry.asked).toMatchObject([
    { states: ["due", "overdue", "lost"], signerName: SIGNER, nodeName: "worker-1", limit: 200 },
  ]);
});

test("expiry follows pages as far as it is asked to, and says when there is more", async () => {
  const { reports } = server.fleetExpiry;
  server.fleetExpiry.reports = { ...reports, continueToken: "more" };
  const { stdout, stderr } = await server.command(["expiry", "--limit", "3", "-o", "json"]);
  expect(JSON.parse(stdout).items).toHaveLength(3);
  expect(stderr).toContain("--limit 0 lists all");
  expect(server.fleetExpiry.asked.map(({ limit, continueToken }) => [limit, continueToken])).toEqual([
    [3, undefined],
    [2, "more"],
    [1, "more"],
  ]);
});

test("a state that there is not is refused by the command", async () => {
  const { code, stderr } = await server.command(["expiry", "--state", "fine"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("fresh, due, overdue, lost")]);
});

test("forecast shows when nodes leave, and which", async () => {
  const { stdout } = await server.command(["forecast", "--until", "2d"]);
  expect(stdout).toContain("2 of 3 nodes leave by 2026-01-04T03:04:05Z; 1 have left already.");
  expect(stdout).toMatch(/2026-01-03T03:04:05Z +2 +0 +#{40}\n/);
  expect(stdout).toMatch(/worker-1 +2026-01-02T03:04:05Z +kubernetes.io\/kubelet-serving +2026-01-03T03:04:05Z/);
  expect(server.fleetExpiry.asked).toMatchObject([{ untilSeconds: 172_800, buckets: 15, limit: 50 }]);
});

test("forecast draws, to a file when asked to", async () => {
  const directory = temporaryDirectory();
  const options = ["-o", "svg", "--output", join(directory, "forecast.svg")];
  expect(await server.command(["forecast", ...options])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(readFileSync(join(directory, "forecast.svg"), "utf8")).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  expect(JSON.parse((await server.command(["forecast", "-o", "json"])).stdout)).toMatchObject({ leaving: 2 });
});
