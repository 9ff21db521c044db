import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "./programs.ts";

/** Adds a delay to every flush of a process that we did not write. */
export interface SlowDisk {
  environment(delayMilliseconds: number): Readonly<Record<string, string>>;
}

/** Compiles the shim into `directory`. @returns undefined where there is no C compiler, or none that makes one. */
export function compileSlowDisk(directory: string): SlowDisk | undefined {
  const compiler = findProgram("cc");
  if (compiler === undefined) return undefined;
  const library = join(directory, "slow-disk.so");
  try {
    const source = join(import.meta.dirname, "slow-disk.c");
    execFileSync(compiler, ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return {
    environment: (delayMilliseconds) => ({
      LD_PRELOAD: library,
      GATEHOUSE_BENCH_FLUSH_DELAY_US: String(Math.round(delayMilliseconds * 1000)),
    }),
  };
}
