#!/usr/bin/env node
import { runtimeProblem } from "./runtime-check.ts";

const problem = runtimeProblem({ node: process.versions.node, napi: process.versions["napi"] });
if (problem === undefined) {
  // Only now: what this imports may load native code that an old Node does not survive.
  const { runInProcess } = await import("./program.ts");
  await runInProcess();
} else {
  process.stderr.write(`error: ${problem}\n`);
  process.exitCode = 1;
}
