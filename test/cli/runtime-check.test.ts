import { expect, test } from "@jest/globals";
import { runtimeProblem } from "../../services/cli/runtime-check.ts";

test.each([
  { node: "22.19.0", napi: "10" },
  { node: "22.23.3", napi: "10" },
  { node: "24.0.0", napi: "10" },
  { node: "25.1.0-nightly", napi: "11" },
])("Node $node with Node-API $napi runs", (versions) => {
  expect(runtimeProblem(versions)).toBeUndefined();
});

test.each([
  { node: "22.18.9", napi: "10" },
  { node: "20.20.2", napi: "9" },
  { node: "21.99.0", napi: "10" },
  { node: "24.0.0", napi: "9" },
  { node: "24.0.0", napi: undefined },
])("Node $node with Node-API $napi is told what to do", (versions) => {
  expect(runtimeProblem(versions)).toBe(
    `gatehouse needs Node.js 22.19 or newer with Node-API 10; this is Node.js ${versions.node} with Node-API ${versions.napi ?? "unknown"}. Install a newer Node.js, or, in a checkout, run scripts/gatehouse, which finds or brings one.`,
  );
});
