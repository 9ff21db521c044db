import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { keepGeneratorApart } from "../../../scripts/bench/generator-core.ts";
import { LoadClient } from "../../../scripts/bench/load/load-client.ts";
import { findProgram } from "../../../scripts/bench/programs.ts";
import { startFloor } from "../../../scripts/bench/servers/floor.ts";
import type { ServerProcess } from "../../../scripts/bench/servers/server-process.ts";
import { makeTestAuthority } from "../../../scripts/bench/servers/test-authority.ts";

const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-test-"));
const authority = makeTestAuthority(directory);
let floor: ServerProcess;
let load: LoadClient;

beforeAll(async () => {
  floor = await startFloor(authority);
  load = await LoadClient.start();
});
afterAll(async () => {
  load.stop();
  await floor.stop();
  rmSync(directory, { recursive: true, force: true });
});

function job(extent: { readonly count: number; readonly seconds: number }) {
  const work = { pattern: "floor", url: floor.announced, caPem: authority.caPem, concurrency: 4 } as const;
  return { ...work, firstRequest: 0, checkEvery: 0, ...extent };
}

test("a load ends by its count before its time is up", async () => {
  const result = await load.run(job({ count: 25, seconds: 20 }));
  expect(result).toMatchObject({ completed: 25, failed: 0, errors: [] });
  expect(result.wallSeconds).toBeLessThan(20);
  expect(result.perSecond).toBeCloseTo(25 / result.wallSeconds, 6);
});

test("a load ends by its time before its count is reached", async () => {
  const { completed, failed, wallSeconds } = await load.run(job({ count: 2_000, seconds: 0.1 }));
  expect(failed).toBe(0);
  expect(completed).toBeLessThan(2_000);
  expect(wallSeconds).toBeGreaterThanOrEqual(0.1);
});

test("the generator is kept apart only where there is something to do it with", () => {
  const without = { openssl: undefined, cfssl: undefined, taskset: undefined, slowDisk: undefined };
  expect(keepGeneratorApart(without, load)).toBe("clients: wherever the system runs them");
  const refusing = { ...without, taskset: findProgram("false") };
  expect(keepGeneratorApart(refusing, load)).toBe("clients: wherever the system runs them");
});
