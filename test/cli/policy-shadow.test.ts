import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { decisionRecord } from "../builders/records.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());

test("policy shadow: without one", async () => {
  const { stdout } = await server.command(["policy", "shadow"]);
  expect(stdout).toBe("No shadow chain is configured (approval.shadow).\n");
});

test("policy shadow: counts by direction, and examples", async () => {
  const { trace } = decisionRecord();
  server.approval.shadowStatus = {
    since: new Date("2026-01-01T10:00:00Z"),
    agreed: 940,
    differed: [{ live: "approved", shadow: "denied", count: 2 }],
    ...{ failed: 1, dropped: 3 },
  };
  server.shadow.records.push({
    ...{ at: new Date("2026-01-01T11:00:00Z"), requestUid: "u", requestName: "csr-abc" },
    ...{ signerName: "example.com/s", requester: "system:bootstrap:abcdef" },
    live: { outcome: "approved", hook: "kubelet-client" },
    shadow: { outcome: "denied", hook: "names", reason: "BadName", message: "no such rack", trace },
  });
  expect(await server.command(["policy", "shadow", "--limit", "5"])).toEqual({
    code: 0,
    stdout: [
      "AT                     REQUEST   REQUESTER                 LIVE       SHADOW   HOOK    MESSAGE",
      "2026-01-01T11:00:00Z   csr-abc   system:bootstrap:abcdef   approved   denied   names   no such rack",
      "",
      "Since 2026-01-01T10:00:00Z: 940 decided alike",
      "2 approved, the shadow: denied",
      "1 could not be evaluated by the shadow",
      "3 were not put to the shadow, which was too busy",
      "",
    ].join("\n"),
    stderr: "",
  });
  const { stdout } = await server.command(["policy", "shadow", "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "ShadowChain",
    counts: { agreed: 940, dropped: 3 },
    examples: [{ request: { name: "csr-abc" }, live: { hook: "kubelet-client" }, shadow: { reason: "BadName" } }],
  });
});

test("policy shadow: a limit that is none is refused", async () => {
  expect((await server.command(["policy", "shadow", "--limit", "0"])).code).toBe(2);
});
