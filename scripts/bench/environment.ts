import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { Tools } from "./bench-context.ts";
import { percentile } from "./statistics.ts";

const FLUSHES = 200;
const FLUSH_BYTES = 4096;

/** On what all this was measured. */
export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  /** The one in Node. */
  readonly openssl: string;
  readonly sqlite: string;
  /** Of 4 KiB, in the directory for temporary files, where the ledgers lie. */
  readonly flushP50Microseconds: number;
  /** First lines of what the programs say of themselves; "absent" otherwise. */
  readonly opensslProgram: string;
  readonly cfsslProgram: string;
  readonly cCompiler: string;
}

export function readEnvironment(directory: string, tools: Tools): Environment {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    openssl: process.versions.openssl,
    sqlite: sqliteVersion(),
    flushP50Microseconds: flushP50Microseconds(directory),
    opensslProgram: tools.openssl === undefined ? "absent" : firstLine(tools.openssl, ["version"]),
    cfsslProgram: tools.cfssl === undefined ? "absent" : firstLine(tools.cfssl, ["version"]),
    cCompiler: tools.slowDisk === undefined ? "absent" : "present",
  };
}

export function environmentLine(environment: Environment): string {
  const { cpu, cores, memoryGiB, node, openssl, sqlite, flushP50Microseconds } = environment;
  const { opensslProgram, cfsslProgram, cCompiler } = environment;
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB`,
    `Node ${node} (OpenSSL ${openssl}), SQLite ${sqlite}`,
    `fdatasync p50 ${flushP50Microseconds} µs`,
    `openssl: ${opensslProgram}`,
    `cfssl: ${cfsslProgram}`,
    `C compiler: ${cCompiler}`,
  ].join(" | ");
}

function sqliteVersion(): string {
  const database = new Database(":memory:");
  try {
    return String(database.prepare("SELECT sqlite_version()").pluck().get());
  } finally {
    database.close();
  }
}

function flushP50Microseconds(directory: string): number {
  const path = join(directory, "flush");
  const file = openSync(path, "w");
  const block = Buffer.alloc(FLUSH_BYTES, 1);
  const microseconds: number[] = [];
  for (let flush = 0; flush < FLUSHES; flush += 1) {
    const started = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    microseconds.push((performance.now() - started) * 1000);
  }
  closeSync(file);
  rmSync(path);
  return Math.round(percentile(microseconds, 50));
}

function firstLine(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, [...args], { encoding: "utf8" }).split("\n", 1)[0] ?? "";
  } catch {
    return "present";
  }
}
