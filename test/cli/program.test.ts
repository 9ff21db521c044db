import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { ServeOptions } from "../../services/cli/certificate-authority.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { gatehouse } from "./fixture.ts";

const VERSION = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;

const COMMANDS = [
  "serve",
  "csr list",
  "csr show",
  "csr approve",
  "csr deny",
  "certificate list",
  "certificate show",
  "certificate revoke",
  "node quarantine",
  "node readmit",
  "machine list",
  "machine show",
  "machine enroll",
  "machine import",
  "machine release",
  "machine ban",
  "token create",
  "token list",
  "token delete",
  "issuer list",
  "issuer export",
  "ledger backup",
  "ledger verify",
  "audit search",
  "audit tail",
  "bench",
  "version",
];

const AUTHORIZER_COMMANDS = ["", " explain", " reach", " drain", " changes", " manifests"].map(
  (name) => `node-authorizer${name}`,
);

test.each([...COMMANDS, ...AUTHORIZER_COMMANDS])("%s --help shows how to use it, with examples", async (command) => {
  const { code, stdout, stderr } = await gatehouse([...command.split(" "), "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^Usage: gatehouse ${command} `));
  expect(stdout).toMatch(new RegExp(`\\nExamples:\\n  gatehouse ${command}`));
});

test.each(COMMANDS.filter((command) => command !== "serve" && command !== "bench"))(
  "%s has the options every client command has",
  async (command) => {
    const { stdout } = await gatehouse([...command.split(" "), "--help"]);
    for (const option of [
      "-o, --format <format>",
      "--kubeconfig <file>",
      "--context <name>",
      "--request-timeout <duration>",
    ]) {
      expect(stdout).toContain(option);
    }
  },
);

test("serve --help says what the data directory holds", async () => {
  const { stdout } = await gatehouse(["serve", "--help"]);
  for (const name of ["admin.kubeconfig", "bootstrap.kubeconfig", "ca.crt", "gatehouse.db", "keys/"]) {
    expect(stdout).toContain(`\n  ${name} `);
  }
});

test("--help and --version succeed on standard output", async () => {
  const help = await gatehouse(["--help"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("Usage: gatehouse [options] [command]");
  expect(await gatehouse(["--version"])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
});

test.each([
  { args: ["frobnicate"], stderr: "error: unknown command 'frobnicate'\nSee --help.\n" },
  { args: ["csr", "lst"], stderr: "error: unknown command 'lst'\n(Did you mean list?)\nSee --help.\n" },
  { args: ["csr", "list", "--frob"], stderr: "error: unknown option '--frob'\nSee --help.\n" },
  { args: ["csr", "show"], stderr: "error: missing required argument 'name'\nSee --help.\n" },
  { args: ["csr", "approve"], stderr: "error: missing required argument 'name'\nSee --help.\n" },
  {
    args: ["csr", "list", "extra"],
    stderr: "error: too many arguments for 'list'. Expected 0 arguments but got 1: extra.\nSee --help.\n",
  },
  {
    args: ["token", "list", "-o", "xml"],
    stderr:
      "error: option '-o, --format <format>' argument 'xml' is invalid. Allowed choices are table, json, yaml.\nSee --help.\n",
  },
  {
    args: ["csr", "list", "--request-timeout", "soon"],
    stderr:
      "error: option '--request-timeout <duration>' argument 'soon' is invalid. Give a duration such as 90s, 15m, 24h or 7d.\nSee --help.\n",
  },
  {
    args: ["csr", "list", "--request-timeout", "0s"],
    stderr:
      "error: option '--request-timeout <duration>' argument '0s' is invalid. Give a duration such as 90s, 15m, 24h or 7d.\nSee --help.\n",
  },
  {
    args: ["certificate", "list", "--state", "old"],
    stderr:
      "error: option '--state <state>' argument 'old' is invalid. Allowed choices are valid, expired, revoked.\nSee --help.\n",
  },
  {
    args: ["certificate", "list", "--limit", "-1"],
    stderr:
      "error: option '--limit <count>' argument '-1' is invalid. Give a whole number; 0 shows all.\nSee --help.\n",
  },
  {
    args: ["certificate", "list", "--expires-within", "1w"],
    stderr:
      "error: option '--expires-within <duration>' argument '1w' is invalid. Give a duration such as 90m, 24h or 30d.\nSee --help.\n",
  },
  { args: ["ledger", "backup"], stderr: "error: required option '--output <file>' not specified\nSee --help.\n" },
  {
    args: ["token", "delete", "nope"],
    stderr: 'error: a token\'s id is six characters of a-z and 0-9\nSee "gatehouse token list".\n',
  },
])("$args is a usage error", async ({ args, stderr }) => {
  expect(await gatehouse(args)).toEqual({ code: 2, stdout: "", stderr });
});

test.each([[[]], [["csr"]], [["token"]]])("%j alone shows the help and is a usage error", async (args) => {
  const { code, stdout, stderr } = await gatehouse(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`Usage: ${["gatehouse", ...args].join(" ")} [options] [command]`);
});

test.each([
  { args: [], options: {} },
  {
    args: ["--config", "c.yaml", "--data-dir", "d", "--listen", "127.0.0.1:0", "--log-level", "debug"],
    options: { configFile: "c.yaml", dataDirectory: "d", listen: "127.0.0.1:0", logLevel: "debug" },
  },
])("serve $args starts the server with $options", async ({ args, options }) => {
  const served: ServeOptions[] = [];
  const serve = async (given: ServeOptions) => void served.push(given);
  expect(await gatehouse(["serve", ...args], { certificateAuthority: { serve } })).toEqual({
    code: 0,
    stdout: "",
    stderr: "",
  });
  expect(served).toEqual([options]);
});

test("what the server refuses to start with is told without a stack; a defect keeps it", async () => {
  const failing = (error: Error) => ({ certificateAuthority: { serve: async () => Promise.reject(error) } });
  expect(await gatehouse(["serve"], failing(new Error("cannot listen on 127.0.0.1:1")))).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: cannot listen on 127.0.0.1:1\n",
  });
  const defect = await gatehouse(["serve"], failing(new TypeError("x is undefined")));
  expect(defect.code).toBe(1);
  expect(defect.stderr).toMatch(
    /^error: x is undefined\nThis is a defect of gatehouse; .*\nTypeError: x is undefined\n {4}at /,
  );
});

test("bench passes its options on to the benchmark of the checkout", async () => {
  const checkout = `${temporaryDirectory()}/`;
  mkdirSync(join(checkout, "scripts", "bench"), { recursive: true });
  writeFileSync(join(checkout, "scripts", "bench", "bench.ts"), "");
  const runs: unknown[] = [];
  const run =
    (code: number) =>
    async (...args: unknown[]) => {
      runs.push(args);
      return code;
    };
  const args = ["bench", "--quick", "--only", "sql", "--check"];
  expect(await gatehouse(args, { benchmark: { checkout, run: run(0) } })).toEqual({ code: 0, stdout: "", stderr: "" });
  const script = join(checkout, "scripts", "bench", "bench.ts");
  expect(runs).toEqual([
    [process.execPath, ["--enable-source-maps", script, "--quick", "--only", "sql", "--check"], checkout],
  ]);
  expect(await gatehouse(args, { benchmark: { checkout, run: run(3) } })).toEqual({
    code: 3,
    stdout: "",
    stderr: "error: the benchmark ended with exit code 3\n",
  });
});

test("bench outside a checkout says where it is", async () => {
  expect(await gatehouse(["bench", "--quick"])).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "error: the benchmark is part of a checkout, and this is an installed gatehouse\nClone the repository and run npm run bench there.\n",
  });
});

const CLIENT = {
  version: VERSION,
  nodeVersion: process.versions.node,
  platform: `${process.platform}/${process.arch}`,
};

test("version --client asks nobody", async () => {
  expect(await gatehouse(["version", "--client"])).toEqual({
    code: 0,
    stdout: `Client:    ${VERSION}\nNode.js:   ${CLIENT.nodeVersion} ${CLIENT.platform}\n`,
    stderr: "",
  });
  const { stdout } = await gatehouse(["version", "--client", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({ client: CLIENT });
});

test("version without a server is still an answer", async () => {
  const { code, stdout, stderr } = await gatehouse(["version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nServer: {4}<none>\n$/);
  expect(stderr).toMatch(/^server: no kubeconfig was found; /);
});
