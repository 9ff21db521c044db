// One preparation at a time in one checkout: `npm ci` takes node_modules away from under everybody else. Runs on old
// Node versions, so it uses nothing but what has long been there.
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

const LOCK = ".preparing";
const POLL_MILLISECONDS = 200;

/**
 * Runs `work` while no other process does so in the checkout at `root`. Waits for one that does, and takes over from
 * one that died.
 */
export function alone(root, say, work) {
  const lock = acquire(root, say);
  const release = () => {
    rmSync(lock, { recursive: true, force: true });
    for (const name of readdirSync(root)) {
      if (name.startsWith(`${LOCK}.dead-`)) rmSync(join(root, name), { recursive: true, force: true });
    }
  };
  // Work that fails ends the process.
  process.once("exit", release);
  work();
  process.removeListener("exit", release);
  release();
}

/** The lock is a directory that is moved into place with its owner in it, so that nobody sees it half made. */
function acquire(root, say) {
  const lock = join(root, LOCK);
  const token = randomBytes(8).toString("hex");
  const mine = `${lock}.${token}`;
  mkdirSync(mine);
  try {
    writeFileSync(join(mine, "owner.json"), JSON.stringify({ pid: process.pid, host: hostname(), token }));
    let told;
    while (!isMoved(mine, lock)) {
      const owner = ownerOf(lock);
      if (isDead(owner)) {
        // The name keeps two that saw the same dead owner from setting aside the lock of whoever was faster.
        if (isMoved(lock, `${lock}.dead-${owner.token}`)) say(`process ${owner.pid} died preparing; starting over`);
      } else {
        if (told !== owner.token) say(waitingFor(owner, lock));
        told = owner.token;
        sleep(POLL_MILLISECONDS);
      }
    }
    return lock;
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
}

/** Moving a directory onto one that has something in it fails, onto nothing it does not. */
function isMoved(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST", "ENOENT"].includes(error.code)) return false;
    throw error;
  }
}

/** Without an owner it was released this moment, or is no lock of ours. */
function ownerOf(lock) {
  try {
    return JSON.parse(readFileSync(join(lock, "owner.json"), "utf8"));
  } catch {
    return { pid: undefined, host: undefined, token: undefined };
  }
}

/** Processes of another machine or container that shares the checkout cannot be seen from here. */
function isDead({ pid, host }) {
  if (pid === undefined || host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function waitingFor({ pid, host }, lock) {
  const who = pid === undefined ? "somebody" : `process ${pid}${host === hostname() ? "" : ` on ${host}`}`;
  return `${who} is preparing this checkout; waiting (when that is not so, remove ${lock})`;
}

function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
