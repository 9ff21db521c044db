// Installs and builds what a checkout needs, and only when it needs it. Runs before dependencies exist and on old
// Node versions, so it uses nothing but Node's own modules.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bin = join(root, "node_modules", ".bin");
const installStamp = join(root, "node_modules", ".prepared");
const buildStamp = join(root, "dist", ".prepared");

function say(message) {
  process.stderr.write(`gatehouse: ${message}\n`);
}

function run(title, command, args) {
  const started = Date.now();
  say(`${title} ...`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
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

function digest(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file));
  return hash.digest("hex");
}

function isStamped(file, value) {
  return existsSync(file) && readFileSync(file, "utf8") === value;
}

function installIfNeeded() {
  const wanted = digest([join(root, "package-lock.json"), join(root, "package.json")]);
  if (isStamped(installStamp, wanted)) return;
  const npm = process.env.npm_execpath;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  if (npm) run("installing dependencies", process.execPath, [npm, ...args]);
  else run("installing dependencies", "npm", args);
  writeFileSync(installStamp, wanted);
}

function buildIfNeeded() {
  const inputs = [join(root, "package-lock.json"), join(root, "tsconfig.json"), ...sourceFiles(join(root, "services"))];
  const wanted = digest(inputs.filter((file) => statSync(file).isFile()));
  if (isStamped(buildStamp, wanted)) return;
  run("building", process.execPath, [join(bin, "tsc"), "-p", join(root, "config", "tooling", "tsconfig.build.json")]);
  writeFileSync(buildStamp, wanted);
}

installIfNeeded();
buildIfNeeded();
