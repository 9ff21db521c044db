import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
const SINCE = new Date("2026-01-01T10:00:00Z");

beforeAll(async () => {
  server = await startAdminServer();
  server.approval.answer = {
    since: SINCE,
    guards: { supersede: true, pendingPerNode: 100, firstJoin: "hold" },
    hooks: [
      {
        ...{ name: "inventory", kind: "script", required: true, signers: ["kubernetes.io/*"] },
        requesters: { users: ["system:node:*"], groups: ["joiners"] },
        load: { asking: 8, waiting: 120 },
      },
      {
        ...{ name: "manual", kind: "manual", required: false },
        ...{ signers: undefined, requesters: undefined, quorum: 1, load: undefined },
      },
      {
        ...{ name: "four-eyes", kind: "manual", required: true },
        ...{ signers: undefined, requesters: undefined, quorum: 2, load: undefined },
      },
    ],
    file: {
      path: "/etc/gatehouse.yaml",
      problem: { message: "approval.hooks[0]: unknown hook", since: SINCE },
      needsRestart: ["server.listen", "log"],
    },
  };
});
afterAll(() => server.close());

test("policy show: the chain, and what keeps the file from being in force", async () => {
  expect(await server.command(["policy", "show"])).toEqual({
    code: 0,
    stdout: [
      "HOOK        KIND               REQUIRED   SIGNERS           REQUESTERS                     ASKING   WAITING",
      "inventory   script             yes        kubernetes.io/*   system:node:*, group joiners   8        120",
      "manual      manual             no         all               anybody                        -        -",
      "four-eyes   manual, 2 people   yes        all               anybody                        -        -",
      "",
      "Guards: supersede true, pendingPerNode 100, firstJoin hold",
      "In force since 2026-01-01T10:00:00Z",
      "/etc/gatehouse.yaml is not in force since 2026-01-01T10:00:00Z: approval.hooks[0]: unknown hook",
      "/etc/gatehouse.yaml: these need a restart: server.listen, log",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("policy show -o json prints what the server answered", async () => {
  const { stdout } = await server.command(["policy", "show", "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "ApprovalChain",
    hooks: [{ name: "inventory" }, { name: "manual" }, { name: "four-eyes", quorum: 2 }],
  });
});
