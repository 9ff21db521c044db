import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(120_000);

const ENTRY = join(import.meta.dirname, "../../dist/cli/gatehouse.js");

interface Finding {
  readonly outcome: string;
  readonly subject: string;
  readonly finding: string;
  readonly wayOut?: string;
}

interface Report {
  readonly checks: readonly { readonly id: string; readonly findings: readonly Finding[] }[];
  readonly summary: Readonly<Record<string, number>>;
}

/** The built command, as people run it. */
async function doctor(dataDirectory: string, ...args: readonly string[]) {
  const { GATEHOUSE_KUBECONFIG: _, ...environment } = process.env;
  // The usual port may be somebody else's here; a later --listen wins.
  const fixed = ["doctor", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0", "-o", "json"];
  const child = spawn(process.execPath, [ENTRY, ...fixed, ...args], {
    env: { ...environment, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, "exit")) as [number | null];
  const [stdout, stderr] = await output;
  return { code, stdout, stderr, report: JSON.parse(stdout) as Report };
}

function findings({ checks }: Report, id: string): readonly Finding[] {
  return checks.filter((check) => check.id === id).flatMap((check) => check.findings);
}

const errors = ({ checks }: Report) =>
  checks.flatMap(({ id, findings: found }) => found.filter(({ outcome }) => outcome === "error").map(() => id));

let server: GatehouseProcess;
/** What a server left behind that was stopped. */
let rest: string;

beforeAll(async () => {
  server = await startGatehouse();
  const stopped = await startGatehouse();
  await stopped.stop();
  rest = stopped.dataDirectory;
});

afterAll(async () => {
  await server.remove();
  rmSync(rest, { recursive: true, force: true });
});

/** A copy of what was left behind, to be broken. */
function broken(): string {
  const copy = mkdtempSync(join(temporaryDirectory(), "data-"));
  cpSync(rest, copy, { recursive: true });
  for (const directory of [copy, join(copy, "keys")]) chmodSync(directory, 0o700);
  return copy;
}

test("a fresh server that runs is well, and is asked", async () => {
  const port = new URL(server.url).port;
  const { code, report } = await doctor(server.dataDirectory, "--listen", `127.0.0.1:${port}`);
  expect(errors(report)).toEqual([]);
  expect(code).toBe(0);
  expect(findings(report, "server.ready")).toMatchObject([{ outcome: "ok", subject: server.url }]);
  expect(findings(report, "clock.server")).toMatchObject([{ outcome: "ok" }]);
  expect(findings(report, "listening.addresses")).toMatchObject([{ finding: "held by a server of this CA" }]);
  expect(findings(report, "listening.names")).toMatchObject([{ outcome: "ok" }, { outcome: "ok" }]);
  expect(findings(report, "ledger.integrity")).toMatchObject([{ outcome: "ok" }]);
  const [writer] = findings(report, "ledger.writer");
  expect(["ok", "skipped"]).toContain(writer?.outcome);
  if (writer?.outcome === "ok") expect(writer.finding).toContain(`process ${server.pid} `);
});

test("no output holds a secret", async () => {
  const { stdout, stderr } = await doctor(server.dataDirectory);
  const key = readFileSync(join(server.dataDirectory, "keys", "encryption.key"), "utf8").trim();
  const [, token = ""] = /token: (\S+)/.exec(readFileSync(server.bootstrapKubeconfig, "utf8")) ?? [];
  const [, clientKey = ""] = /client-key-data: (\S+)/.exec(readFileSync(server.adminKubeconfig, "utf8")) ?? [];
  for (const secret of [key, token, clientKey]) {
    expect(secret.length).toBeGreaterThan(10);
    expect(stdout + stderr).not.toContain(secret);
  }
});

test("beside a running server nothing waits and nothing changes", async () => {
  const before = readdirSync(server.dataDirectory).toSorted();
  const runs = await Promise.all([doctor(server.dataDirectory, "--full"), doctor(server.dataDirectory)]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  expect(readdirSync(server.dataDirectory).toSorted()).toEqual(before);
});

test("a directory at rest is examined and left as it is", async () => {
  const state = () =>
    readdirSync(rest, { recursive: true })
      .map(String)
      .toSorted()
      .map((name) => [name, statSync(join(rest, name)).mtimeMs, statSync(join(rest, name)).mode]);
  const before = state();
  const { code, report } = await doctor(rest);
  expect(errors(report)).toEqual([]);
  expect(code).toBe(0);
  expect(findings(report, "server.ready")).toMatchObject([{ outcome: "skipped" }]);
  expect(state()).toEqual(before);
});

test("--strict fails where there are warnings, --only looks at what is named", async () => {
  const { code, report, stderr } = await doctor(rest, "--strict", "--only", "encryption.provider");
  expect(report.checks.map(({ id }) => id)).toEqual(["encryption.provider"]);
  expect(findings(report, "encryption.provider")).toMatchObject([{ outcome: "warning" }]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "error: the doctor found 1 warning, and --strict is set\nEach finding says what to do about it.\n",
  });
});

test.each([
  {
    name: "a lost encryption key",
    damage: (data: string) => rmSync(join(data, "keys/encryption.key")),
    id: "encryption.provider",
  },
  {
    name: "keys that others may read",
    damage: (data: string) => chmodSync(join(data, "keys"), 0o755),
    id: "files.private",
  },
  {
    name: "a lost root secret",
    damage: (data: string) => rmSync(join(data, "keys/derivation-root.sealed")),
    id: "keys.sealed-files",
  },
  {
    name: "an entry of the record that was altered",
    damage: (data: string) => {
      const connection = new Database(join(data, "gatehouse.db"));
      connection.prepare("UPDATE audit SET payload = payload || ' ' WHERE sequence = 2").run();
      connection.close();
    },
    id: "ledger.integrity",
  },
  {
    name: "a ledger that is none",
    damage: (data: string) => writeFileSync(join(data, "gatehouse.db"), "x".repeat(8192)),
    id: "ledger.file",
  },
])("$name: an error of $id with a way out, and exit code 1", async ({ damage, id }) => {
  const data = broken();
  damage(data);
  const { code, report } = await doctor(data, "--offline");
  expect(code).toBe(1);
  expect(new Set(errors(report))).toEqual(new Set([id]));
  for (const { outcome, wayOut } of findings(report, id)) if (outcome === "error") expect(wayOut).toBeTruthy();
});

test("a configuration is told by every problem, and one that is sound is used", async () => {
  const file = join(temporaryDirectory(), "gatehouse.yaml");
  writeFileSync(file, configurationWith({ server: { maxWatches: 0 }, limits: { maxStoredRequests: 1 }, tea: true }));
  const wrong = await doctor(rest, "--config", file, "--only", "configuration.file");
  expect(wrong.code).toBe(1);
  expect(findings(wrong.report, "configuration.file")).toHaveLength(3);
  writeFileSync(file, configurationWith({ rbac: { files: [join(file, "missing.yaml")] } }));
  const missing = await doctor(rest, "--config", file, "--offline");
  expect(errors(missing.report)).toEqual(["rbac.objects"]);
});

test("--only names what there is when a check is unknown", async () => {
  const child = spawn(process.execPath, [ENTRY, "doctor", "--only", "weather"], { stdio: ["ignore", "pipe", "pipe"] });
  const said = text(child.stderr);
  expect(await once(child, "exit")).toEqual([2, null]);
  expect(await said).toContain("ledger.integrity");
});
