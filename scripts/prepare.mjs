// Installs and builds what a checkout needs, and only when it needs it. Runs before dependencies exist and on old
// Node versions, so it uses nothing but Node's own modules. Standard output belongs to the command that is prepared for.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { alone } from "./preparation-lock.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsconfig = join(root, "tsconfig.json");
const buildConfig = join(root, "config", "tooling", "tsconfig.build.json");

function say(message) {
  process.stderr.write(`gatehouse: ${message}\n`);
}

function run(title, command, args) {
  const started = Date.now();
  say(`${title} ...`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    say(`${title} failed${error ? `: ${error.message}` : ` (exit code ${status})`}`);
    process.exit(status || 1);
  }
  say(`${title} done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function sourceFiles(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? sourceFiles(path) : [path];
  });
}

function digest(files, ...more) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file));
  for (const text of more) hash.update(text);
  return hash.digest("hex");
}

/** What of package.json is about dependencies; the rest of it may change without a new installation. */
function dependencies() {
  const { dependencies, devDependencies, optionalDependencies, overrides } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  return JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides]);
}

/** Whether the step whose stamp this is was done with the inputs of that digest. */
function isDone({ stamp, inputs }) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === inputs();
}

/** The stamp goes first and comes last: a step that is broken off is done again. */
function doStep(step) {
  const done = step.inputs();
  rmSync(step.stamp, { force: true });
  step.work();
  writeFileSync(step.stamp, done);
}

const steps = [
  {
    stamp: join(root, "node_modules", ".prepared"),
    inputs: () => digest([join(root, "package-lock.json")], dependencies()),
    work: () => {
      const npm = process.env.npm_execpath;
      const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
      if (npm) run("installing dependencies", process.execPath, [npm, ...args]);
      else run("installing dependencies", "npm", args);
    },
  },
  {
    stamp: join(root, "dist", ".prepared"),
    inputs: () =>
      digest([join(root, "package-lock.json"), tsconfig, buildConfig, ...sourceFiles(join(root, "services"))]),
    work: () => run("building", process.execPath, [join(root, "node_modules", ".bin", "tsc"), "-p", buildConfig]),
  },
];

if (!steps.every(isDone)) {
  alone(root, say, () => {
    for (const step of steps) if (!isDone(step)) doStep(step);
  });
}
