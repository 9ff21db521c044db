import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { networkInterfaces, totalmem } from "node:os";

/** What checks ask of the machine; tests put their own in its place. */
export interface System {
  /** Undefined where there are no users by number. */
  readonly uid: number | undefined;
  readonly nodeVersion: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of a file of the system, such as `/proc/self/limits`; undefined when it is not there. */
  readonly readText: (path: string) => string | undefined;
  /** Free for us on the file system of this path. */
  readonly freeBytes: (path: string) => Promise<number>;
  readonly memoryBytes: number;
  /** Addresses of this machine's interfaces. */
  readonly addresses: () => readonly string[];
  /** Standard output of a program of the system; undefined when it is not there or fails. */
  readonly output: (program: string, args: readonly string[]) => Promise<string | undefined>;
}

const PROGRAM_MILLISECONDS = 2_000;

export const thisSystem: System = {
  uid: process.getuid?.(),
  nodeVersion: process.versions.node,
  environment: process.env,
  readText(path) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  },
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  memoryBytes: totalmem(),
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((entries) => entries?.map(({ address }) => address) ?? []),
  output: (program, args) =>
    new Promise((resolve) => {
      execFile(program, [...args], { timeout: PROGRAM_MILLISECONDS, encoding: "utf8" }, (failure, stdout) => {
        resolve(failure === null ? stdout : undefined);
      });
    }),
};
