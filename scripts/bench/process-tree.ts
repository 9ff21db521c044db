import { readdirSync, readFileSync } from "node:fs";

const PAGE_BYTES = 4096;

/** The processes of the machine as they were at one moment, as far as /proc tells. */
export class ProcessTree {
  readonly #children = new Map<number, number[]>();

  constructor() {
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      const parent = Number.isInteger(pid) ? parentOf(pid) : undefined;
      if (parent === undefined) continue;
      const siblings = this.#children.get(parent) ?? [];
      siblings.push(pid);
      this.#children.set(parent, siblings);
    }
  }

  childrenOf(pid: number): readonly number[] {
    return this.#children.get(pid) ?? [];
  }

  /** What a process holds in memory now; 0 when it has ended. */
  residentBytes(pid: number): number {
    const pages = read(`/proc/${pid}/statm`)?.split(" ")[1];
    return Number(pages ?? 0) * PAGE_BYTES;
  }
}

/** Undefined for processes that have ended meanwhile. */
function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold anything.
  const parent = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return parent === undefined ? undefined : Number(parent);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
