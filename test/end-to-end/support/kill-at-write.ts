import { readFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import Database from "better-sqlite3";

/**
 * Loaded ahead of the server (`node --import`, also in its threads): once the file that KILL_FILE names has a number n in
 * it, the process ends by SIGKILL at the n-th moment around a durable write of a thread: before a file is made, moved or
 * removed, before a COMMIT, and after one.
 */
const FILE = process.env["KILL_FILE"] ?? "";
let moments = 0;

function moment(): void {
  const wanted = Number(read());
  if (wanted === 0) return;
  moments += 1;
  if (moments >= wanted) process.kill(process.pid, "SIGKILL");
}

function read(): string {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return "";
  }
}

function watched<A extends unknown[], T>(
  work: (...given: A) => Promise<T>,
  counts: (...given: A) => boolean = () => true,
): (...given: A) => Promise<T> {
  return async (...given) => {
    if (counts(...given)) moment();
    return work(...given);
  };
}

Object.assign(files, {
  rename: watched(files.rename.bind(files)),
  link: watched(files.link.bind(files)),
  rm: watched(files.rm.bind(files)),
  unlink: watched(files.unlink.bind(files)),
  open: watched(files.open.bind(files), (_path, flags) => flags === "wx"),
});
syncBuiltinESMExports();

/** As far as it is used here. */
interface Preparing {
  prepare(source: string): { run(): unknown };
}

const connections = Database.prototype as unknown as Preparing;
const prepare = Reflect.get(connections, "prepare") as (source: string) => { run(): unknown };
connections.prepare = function prepareWatched(this: Preparing, source) {
  const statement = prepare.call(this, source);
  if (source !== "COMMIT") return statement;
  return {
    run() {
      moment();
      const result = statement.run();
      moment();
      return result;
    },
  };
};
