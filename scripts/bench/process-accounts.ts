import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The unit of /proc's times. It is 100 on every Linux that is in use; asked for all the same. */
const TICKS_PER_SECOND = readTicks();

/** User and system time that a process and its threads have used. @throws {Error} where there is no /proc. */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name stands in parentheses and may hold anything, so counting starts behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

/** The most memory a process has ever held at once. */
export function peakMemoryBytes(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Number(kibibytes) * 1024;
}

/** How much of the machine's cores was in use in between, from 0 to 1. */
export interface CoreTimes {
  readonly busy: number;
  readonly all: number;
}

export function coreTimes(): CoreTimes {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
  const times = line.split(/\s+/).slice(1, 9).map(Number);
  const all = times.reduce((sum, time) => sum + time, 0);
  const [, , , idle = 0, waiting = 0] = times;
  return { busy: all - idle - waiting, all };
}

export function busyShare(before: CoreTimes, after: CoreTimes): number {
  return after.all === before.all ? 0 : (after.busy - before.busy) / (after.all - before.all);
}

function readTicks(): number {
  try {
    return Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })) || 100;
  } catch {
    return 100;
  }
}
