import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const WRAPPER = fileURLToPath(new URL("../../scripts/gatehouse", import.meta.url));
const OPENSSL = fileURLToPath(new URL("../../config/openssl", import.meta.url));

/**
 * A checkout with the real wrapper, whose preparation and program only tell that they ran. `machine` is the Node on
 * PATH: real, old (it pretends to be, and can run scripts) or missing; `carried` whether node_modules brings one.
 */
function checkout({ machine, carried }: { machine: "real" | "old" | "missing"; carried: boolean }) {
  const root = join(temporaryDirectory(), "a checkout");
  for (const folder of ["scripts", "dist/cli", "node_modules/.bin", "path", "config"])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(WRAPPER, join(root, "scripts", "gatehouse"));
  cpSync(OPENSSL, join(root, "config", "openssl"), { recursive: true });
  writeFileSync(join(root, "scripts", "prepare.mjs"), 'process.stdout.write("prepared\\n");\n');
  const program =
    "console.log(JSON.stringify({ args: process.argv.slice(2), carried: process.env.CARRIED ?? null }));\n";
  writeFileSync(join(root, "dist/cli/gatehouse.js"), program);
  const script = (path: string, text: string): void => {
    writeFileSync(path, `#!/bin/sh\n${text}`);
    chmodSync(path, 0o755);
  };
  const real = `exec "${process.execPath}" "$@"\n`;
  if (machine === "real") script(join(root, "path/node"), real);
  // What asks for the version gets "too old"; everything else runs.
  if (machine === "old")
    script(join(root, "path/node"), `case $1 in -e) exit 1 ;; --version) echo v20.0.0 ;; *) ${real} ;; esac\n`);
  if (carried) script(join(root, "node_modules/.bin/node"), `export CARRIED=yes\n${real}`);
  return root;
}

function runWrapper(
  root: string,
  args: readonly string[],
  { wrapper = join(root, "scripts/gatehouse"), cwd = "/", variables = {} } = {},
) {
  const tools = ["dirname", "readlink"].map((name) =>
    spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim(),
  );
  for (const tool of tools) {
    const link = join(root, "path", tool.split("/").at(-1) ?? "");
    symlinkSync(tool, link);
  }
  const environment = { PATH: join(root, "path"), ...variables };
  const { status, stdout, stderr } = spawnSync("/bin/sh", [wrapper, ...args], {
    cwd,
    env: environment,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const told = (args: readonly string[], carried: string | null) => `${JSON.stringify({ args, carried })}\n`;
const ARGS = ["csr", "list", "--message", "two words", "", "$HOME"];

test.each([
  { machine: "real", carried: true, uses: null },
  { machine: "real", carried: false, uses: null },
  { machine: "old", carried: true, uses: "yes" },
  { machine: "missing", carried: true, uses: "yes" },
] as const)("with a $machine Node (carried: $carried) the wrapper prepares and runs", ({ machine, carried, uses }) => {
  const root = checkout({ machine, carried });
  expect(runWrapper(root, ARGS)).toEqual({ status: 0, stdout: told(ARGS, uses), stderr: "prepared\n" });
});

test("with an old Node and none carried the wrapper says what to do", () => {
  const root = checkout({ machine: "old", carried: false });
  expect(runWrapper(root, [])).toEqual({
    status: 1,
    stdout: "",
    stderr: `prepared\nerror: gatehouse needs Node.js 22.19 or newer; ${join(root, "path/node")} is v20.0.0.\nInstall a newer one: none is carried along for this platform.\n`,
  });
});

test("without any Node the wrapper says what to do", () => {
  const root = checkout({ machine: "missing", carried: false });
  expect(runWrapper(root, [])).toEqual({
    status: 1,
    stdout: "",
    stderr: "error: gatehouse needs Node.js, and there is none on PATH. Install Node.js 22.19 or newer.\n",
  });
});

test("the wrapper works through symbolic links, absolute and relative, from any directory", () => {
  const root = checkout({ machine: "real", carried: false });
  const elsewhere = temporaryDirectory();
  symlinkSync(join(root, "scripts/gatehouse"), join(elsewhere, "absolute"));
  mkdirSync(join(elsewhere, "bin"));
  symlinkSync("../absolute", join(elsewhere, "bin/gatehouse"));
  const outcome = runWrapper(root, ["version"], { wrapper: "bin/gatehouse", cwd: elsewhere });
  expect(outcome).toEqual({ status: 0, stdout: told(["version"], null), stderr: "prepared\n" });
});

test.each([
  { variables: {}, uses: "config/openssl/no-session-tickets.cnf" },
  { variables: { OPENSSL_CONF: "own.cnf" }, uses: "own.cnf" },
])("with the variables $variables OpenSSL is configured by $uses", ({ variables, uses }) => {
  const root = checkout({ machine: "real", carried: false });
  copyFileSync(join(OPENSSL, "no-session-tickets.cnf"), join(root, "own.cnf"));
  writeFileSync(join(root, "dist/cli/gatehouse.js"), "console.log(process.execArgv.at(-1));\n");
  const { stdout } = runWrapper(root, [], { cwd: root, variables });
  expect(stdout.trim().replace(`${root}/`, "")).toBe(`--openssl-config=${uses}`);
});

test("a preparation that fails stops the wrapper with its exit code", () => {
  const root = checkout({ machine: "real", carried: false });
  writeFileSync(join(root, "scripts/prepare.mjs"), "process.exit(5);\n");
  expect(runWrapper(root, [])).toEqual({ status: 5, stdout: "", stderr: "" });
});
