import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const SCRIPTS = join(import.meta.dirname, "..", "..", "scripts");

/** A program that notes its arguments, talks on standard output and fails while another one of its kind runs. */
const NOTED = (name: string, rest: string): string => `
const { appendFileSync, mkdirSync, writeFileSync, existsSync, rmdirSync } = require("node:fs");
mkdirSync("busy");
appendFileSync("calls", "${name} " + process.argv.slice(2).join(" ") + "\\n");
console.log("${name} talks");
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
rmdirSync("busy");
if (existsSync("${name} is broken")) process.exit(7);
${rest}`;
const TSC = NOTED("tsc", 'mkdirSync("dist", { recursive: true }); writeFileSync("dist/built.js", "");');
const NPM = NOTED(
  "npm",
  `mkdirSync("node_modules/.bin", { recursive: true }); writeFileSync("node_modules/.bin/tsc", ${JSON.stringify(TSC)});`,
);
const INSTALL = "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error";
const MANIFEST = { name: "x", dependencies: { one: "1.0.0" }, jest: {} };

let home: string;
let build: string;

/** A checkout with the real scripts and next to nothing to install and build, by programs that only tell what they do. */
beforeEach(() => {
  home = temporaryDirectory();
  build = `tsc -p ${join(home, "config", "tooling", "tsconfig.build.json")}`;
  write("package.json", JSON.stringify(MANIFEST));
  for (const file of ["package-lock.json", "tsconfig.json", "config/tooling/tsconfig.build.json"]) write(file, "{}");
  write("services/shared/one.ts", "export {};\n");
  write("npm.cjs", NPM);
  for (const file of readdirSync(SCRIPTS).filter((name) => name.endsWith(".mjs"))) {
    mkdirSync(join(home, "scripts"), { recursive: true });
    copyFileSync(join(SCRIPTS, file), join(home, "scripts", file));
  }
});

function write(file: string, content: string): void {
  const path = join(home, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const script = (): string => join(home, "scripts", "prepare.mjs");
const options = () => ({ cwd: "/", env: { npm_execpath: join(home, "npm.cjs") } });

function prepare(): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script()], { ...options(), encoding: "utf8" });
  return { status, stdout, stderr };
}

/** Starts a preparation; `said` resolves when it has said something that matches. */
function prepareBeside() {
  const child = spawn(process.execPath, [script()], options());
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const ended = once(child, "close").then(([status]) => ({ status: status as number, stderr }));
  const said = async (words: string): Promise<void> => {
    while (!stderr.includes(words)) await once(child.stderr, "data");
  };
  return { pid: child.pid ?? 0, ended, said };
}

/** What was run since the last time this was asked. */
async function calls(): Promise<readonly string[]> {
  const file = join(home, "calls");
  const noted = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  await rm(file, { force: true });
  return noted;
}

const leftovers = (): readonly string[] => readdirSync(home).filter((name) => name.startsWith(".preparing"));

function leaveLock(owner: { pid: number; host: string }): void {
  write(".preparing/owner.json", JSON.stringify({ ...owner, token: "0123456789abcdef" }));
}

const pidOfTheDead = (): number => spawnSync(process.execPath, ["-e", ""]).pid;

test("a fresh checkout is installed and built, and standard output stays empty", async () => {
  const { status, stdout, stderr } = prepare();
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr.replace(/[\d.]+ s/g, "# s")).toBe(
    [
      "gatehouse: installing dependencies ...",
      "npm talks",
      "gatehouse: installing dependencies done in # s",
      "gatehouse: building ...",
      "tsc talks",
      "gatehouse: building done in # s",
      "",
    ].join("\n"),
  );
  expect(await calls()).toEqual([INSTALL, build]);
  expect(leftovers()).toEqual([]);
});

test("what is prepared is left alone, silently", async () => {
  prepare();
  await calls();
  expect(prepare()).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(await calls()).toEqual([]);
});

test.each([
  { name: "a source file", change: () => write("services/shared/one.ts", "changed"), installs: false, builds: true },
  { name: "a new source file", change: () => write("services/two.ts", ""), installs: false, builds: true },
  { name: "the compiler's options", change: () => write("tsconfig.json", "{ }"), installs: false, builds: true },
  { name: "the lock file", change: () => write("package-lock.json", "{ }"), installs: true, builds: true },
  {
    name: "a dependency",
    change: () => write("package.json", JSON.stringify({ ...MANIFEST, dependencies: { one: "1.0.1" } })),
    installs: true,
    builds: false,
  },
  {
    name: "another part of package.json",
    change: () => write("package.json", JSON.stringify({ ...MANIFEST, jest: { verbose: true } })),
    installs: false,
    builds: false,
  },
  { name: "a test", change: () => write("test/one.test.ts", ""), installs: false, builds: false },
])("after a change of $name: installs $installs, builds $builds", async ({ change, installs, builds }) => {
  prepare();
  await calls();
  change();
  expect(prepare().status).toBe(0);
  expect(await calls()).toEqual([...(installs ? [INSTALL] : []), ...(builds ? [build] : [])]);
});

test.each(["npm", "tsc"])(
  "when %s fails its exit code is passed on, and the next preparation tries again",
  async (name) => {
    write(`${name} is broken`, "");
    const { status, stdout, stderr } = prepare();
    expect({ status, stdout }).toEqual({ status: 7, stdout: "" });
    expect(stderr).toMatch(/failed \(exit code 7\)\n$/);
    expect(leftovers()).toEqual([]);
    await rm(join(home, `${name} is broken`));
    await calls();
    expect(prepare().status).toBe(0);
    expect(await calls()).toEqual(name === "npm" ? [INSTALL, build] : [build]);
  },
);

test("a build that broke off is done again, even when the sources are as they were", async () => {
  prepare();
  write("services/shared/one.ts", "wrong");
  write("tsc is broken", "");
  expect(prepare().status).toBe(7);
  await rm(join(home, "tsc is broken"));
  write("services/shared/one.ts", "export {};\n");
  await calls();
  expect(prepare().status).toBe(0);
  expect(await calls()).toEqual([build]);
});

test.each([{ isLockLeft: false }, { isLockLeft: true }])(
  "of several at once one prepares and the others wait for it (a lock of a dead process left: $isLockLeft)",
  async ({ isLockLeft }) => {
    if (isLockLeft) leaveLock({ pid: pidOfTheDead(), host: hostname() });
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => prepareBeside().ended));
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(await calls()).toEqual([INSTALL, build]);
    expect(leftovers()).toEqual([]);
  },
);

test("who waits is told for whom, and what to do when that is a mistake", async () => {
  leaveLock({ pid: process.pid, host: hostname() });
  const waiting = prepareBeside();
  const lock = join(home, ".preparing");
  await waiting.said(
    `gatehouse: process ${process.pid} is preparing this checkout; waiting (when that is not so, remove ${lock})\n`,
  );
  expect(await calls()).toEqual([]);
  await rm(lock, { recursive: true });
  expect((await waiting.ended).status).toBe(0);
  expect(await calls()).toEqual([INSTALL, build]);
});

test("the lock of a process that died is taken over", async () => {
  const pid = pidOfTheDead();
  leaveLock({ pid, host: hostname() });
  const { status, stderr } = prepare();
  expect(status).toBe(0);
  expect(stderr).toContain(`gatehouse: process ${pid} died preparing; starting over\n`);
  expect(leftovers()).toEqual([]);
});

test("a process on another machine is never taken for dead", async () => {
  leaveLock({ pid: pidOfTheDead(), host: "elsewhere" });
  const waiting = prepareBeside();
  await waiting.said("on elsewhere is preparing this checkout; waiting");
  appendFileSync(join(home, "calls"), "waited\n");
  await rm(join(home, ".preparing"), { recursive: true });
  expect((await waiting.ended).status).toBe(0);
  expect(await calls()).toEqual(["waited", INSTALL, build]);
});
