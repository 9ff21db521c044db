import type { Bench } from "../bench-context.ts";
import type { Gatehouse } from "../servers/gatehouse.ts";
import type { ServerProcess } from "../servers/server-process.ts";
import { Target } from "../target.ts";

/** Clients at a time: with half as many, a sixth of the machine idles while their requests go from thread to thread. */
export const STORM_CONCURRENCY = 128;
export const CHECK_EVERY = 100;

export function joinTarget(label: string, { process, token, caPem, numbering }: Gatehouse, url: string): Target {
  const work = { pattern: "join", url, token, caPem, concurrency: STORM_CONCURRENCY, checkEvery: CHECK_EVERY } as const;
  return new Target(label, process, work, numbering);
}

export function floorTarget(label: string, process: ServerProcess, { authority }: Bench): Target {
  const work = { pattern: "floor", url: process.announced, caPem: authority.caPem, checkEvery: 0 } as const;
  return new Target(label, process, { ...work, concurrency: STORM_CONCURRENCY });
}
