import { expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi } from "./fixture.ts";

const SINCE = new Date("2026-01-01T10:00:00.500Z");

test("the chain in force is shown with its hooks in order", async () => {
  const { app, approval } = adminApi();
  approval.answer = {
    since: SINCE,
    guards: { firstJoin: "hold" },
    hooks: [
      {
        ...{ name: "inventory", kind: "script", required: true, signers: ["kubernetes.io/*"] },
        requesters: { users: ["system:node:*"], groups: [] },
        load: { asking: 8, waiting: 120 },
      },
      {
        ...{ name: "manual", kind: "manual", required: false },
        ...{ signers: undefined, requesters: undefined, load: undefined },
      },
    ],
    file: undefined,
  };
  const answer = await request(app).get("/v1/approval");
  expect([answer.status, answer.body]).toEqual([
    200,
    {
      apiVersion: "gatehouse.dev/v1",
      kind: "ApprovalChain",
      since: "2026-01-01T10:00:00Z",
      guards: { firstJoin: "hold" },
      hooks: [
        {
          ...{ name: "inventory", kind: "script", required: true, signers: ["kubernetes.io/*"] },
          requesters: { users: ["system:node:*"], groups: [] },
          ...{ asking: 8, waiting: 120 },
        },
        { name: "manual", kind: "manual", required: false },
      ],
    },
  ]);
});

test("why the file is not in force is shown", async () => {
  const { app, approval } = adminApi();
  const problem = { message: "approval.hooks[0]: unknown", since: SINCE };
  approval.answer = {
    since: SINCE,
    guards: {},
    hooks: [],
    file: { path: "/g.yaml", problem, needsRestart: ["server.listen"] },
  };
  const { body } = await request(app).get("/v1/approval");
  expect(body).toMatchObject({
    configurationFile: {
      path: "/g.yaml",
      problem: { message: "approval.hooks[0]: unknown", since: "2026-01-01T10:00:00Z" },
      needsRestart: ["server.listen"],
    },
  });
});

test("a query parameter is refused", async () => {
  expect((await request(adminApi().app).get("/v1/approval?x=1")).status).toBe(400);
});
