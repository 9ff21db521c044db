import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";

test("the example of the library runs, by the package's name", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["config/examples/node-authorizer-library.mjs"]);
  expect(stdout.trimEnd().split("\n")).toEqual([
    "worker-1: allow, by secret payment > pod cart > node worker-1",
    "worker-2: noOpinion, nothing is bound to node worker-2: no pod, attachment or resource slice",
    "withdrawn worker-1: secret shop/payment",
    "withdrawn worker-1: pod shop/cart",
    "nodes that read it now: 0",
  ]);
});
