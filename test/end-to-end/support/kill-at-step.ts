import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

// Loaded ahead of a command (`node --import`): ends it by SIGKILL right before the step of this number that changes what
// is on the disk.
const step = Number(process.env["KILL_AT_STEP"]);
let steps = 0;

function watched<A extends unknown[], T>(
  work: (...given: A) => Promise<T>,
  counts: (...given: A) => boolean = () => true,
): (...given: A) => Promise<T> {
  return async (...given) => {
    if (counts(...given)) steps += 1;
    if (steps === step) process.kill(process.pid, "SIGKILL");
    return work(...given);
  };
}

Object.assign(files, {
  rename: watched(files.rename.bind(files)),
  link: watched(files.link.bind(files)),
  symlink: watched(files.symlink.bind(files)),
  rm: watched(files.rm.bind(files), (path) => String(path).endsWith(".renewal")),
  open: watched(files.open.bind(files), (_path, flags) => flags === "wx"),
});
syncBuiltinESMExports();
