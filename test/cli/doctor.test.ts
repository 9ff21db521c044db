import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import type { Doctor, DoctorReport, DoctorSettings } from "../../services/cli/doctor.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../builders/tls-identity.ts";
import { gatehouse, type RunOptions, startServer } from "./fixture.ts";

let identity: TlsIdentity;
beforeAll(async () => {
  identity = await buildTlsIdentity();
});

const OK = { outcome: "ok", subject: "gatehouse.yaml", finding: "every setting is valid" } as const;
const WARNING = { outcome: "warning", subject: "open files", finding: "1024", wayOut: "ulimit -n 20128" } as const;
const ERROR = { outcome: "error", subject: "keys", finding: "mode 0755\u001b[2J", wayOut: "chmod 700 keys" } as const;

function reportOf(...findings: DoctorReport["checks"][number]["findings"]): DoctorReport {
  const summary = { ok: 0, warning: 0, error: 0, skipped: 0 };
  for (const { outcome } of findings) summary[outcome] += 1;
  return { checks: [{ id: "files.private", title: "files with keys", findings }], summary };
}

function fakeDoctor(report: DoctorReport) {
  const asked: DoctorSettings[] = [];
  const doctor: Doctor = {
    CHECK_TITLES: [{ id: "files.private", title: "files with keys" }],
    diagnose: async (settings) => {
      asked.push(settings);
      return report;
    },
  };
  return { doctor, asked };
}

const run = (args: readonly string[], report: DoctorReport, options: RunOptions = {}) =>
  gatehouse(["doctor", ...args], { doctor: fakeDoctor(report).doctor, ...options });

test("a line a finding, its way out below it, and a count", async () => {
  expect(await run([], reportOf(OK, WARNING))).toEqual({
    code: 0,
    stdout: [
      "OUTCOME   CHECK           FINDING",
      "ok        files.private   gatehouse.yaml: every setting is valid",
      "warning   files.private   open files: 1024",
      "                          → ulimit -n 20128",
      "",
      "1 ok, 1 warnings, 0 errors, 0 skipped",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("colours are for a terminal that wants them, and nothing in a finding can paint", async () => {
  const plain = await run([], reportOf(ERROR));
  expect(plain.stdout).not.toContain("\u001b");
  expect(plain.stdout).toContain("mode 0755\\u001b[2J");
  const painted = await run([], reportOf(ERROR), { isTTY: true });
  expect(painted.stdout).toContain("\u001b[31merror\u001b[0m");
  expect(painted.stdout).not.toContain("\u001b[2J");
  const declined = await run([], reportOf(ERROR), { isTTY: true, environment: { NO_COLOR: "1" } });
  expect(declined.stdout).toBe(plain.stdout);
});

test.each([
  { args: [], findings: [OK], code: 0, stderr: "" },
  { args: [], findings: [WARNING], code: 0, stderr: "" },
  { args: ["--strict"], findings: [OK], code: 0, stderr: "" },
  { args: ["--strict"], findings: [WARNING], code: 1, stderr: "the doctor found 1 warning, and --strict is set" },
  { args: [], findings: [ERROR, ERROR], code: 1, stderr: "the doctor found 2 errors" },
])("doctor $args ends with $code", async ({ args, findings, code, stderr }) => {
  const outcome = await run(args, reportOf(...findings));
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).toBe(stderr && `error: ${stderr}\nEach finding says what to do about it.\n`);
});

test("JSON and YAML hold the whole report", async () => {
  const report = reportOf(OK, WARNING);
  expect(JSON.parse((await run(["-o", "json"], report)).stdout)).toEqual(report);
  expect(parse((await run(["-o", "yaml"], report)).stdout)).toEqual(report);
});

test("options reach the doctor, paths resolved against the working directory", async () => {
  const { doctor, asked } = fakeDoctor(reportOf());
  const workingDirectory = temporaryDirectory();
  const args = "doctor --config c.yaml --data-dir d --listen 127.0.0.1:1 --full --only files --only files.private";
  await gatehouse([...args.split(" "), "--timeout", "2m"], { doctor, workingDirectory });
  expect(asked).toMatchObject([
    {
      configFile: join(workingDirectory, "c.yaml"),
      dataDirectory: join(workingDirectory, "d"),
      listen: "127.0.0.1:1",
      isFull: true,
      only: ["files", "files.private"],
      timeoutSeconds: 120,
    },
  ]);
});

test("a check that there is not is refused with those that there are", async () => {
  const outcome = await run(["--only", "weather"], reportOf());
  expect(outcome).toMatchObject({ code: 2, stdout: "" });
  expect(outcome.stderr).toMatch(
    /--only weather: there is no such check\nThere are:\n {2}files\.private +files with keys/,
  );
});

async function choice(args: readonly string[], dataDirectory: string, environment = {}) {
  const { doctor, asked } = fakeDoctor(reportOf());
  const outcome = await gatehouse(["doctor", ...args], { doctor, environment });
  return { outcome, chosen: asked[0]?.chooseServer(dataDirectory) };
}

test("the server is the one that is named, else the data directory's, else none", async () => {
  const server = await startServer(identity, (_seen, response) => response.setHeader("date", "x").end());
  try {
    const data = temporaryDirectory();
    const { chosen: none } = await choice([], data);
    expect(none).toMatchObject({ kind: "none", reason: expect.stringContaining("there is no kubeconfig") });
    const named = await choice(["--kubeconfig", server.kubeconfig], data);
    expect(named.chosen).toMatchObject({ kind: "server", isNamed: true, server: { url: server.url } });
    const environment = { GATEHOUSE_KUBECONFIG: server.kubeconfig };
    expect((await choice([], data, environment)).chosen).toMatchObject({ kind: "server", isNamed: true });
    expect((await choice(["--offline"], data, environment)).chosen).toMatchObject({ kind: "none" });
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, "admin.kubeconfig"), JSON.stringify(kubeconfigOf(server.url)));
    expect((await choice([], data)).chosen).toMatchObject({ kind: "server", isNamed: false });
  } finally {
    await server.close();
  }
});

function kubeconfigOf(server: string) {
  const data = Buffer.from(identity.caPem).toString("base64");
  return {
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": data } }],
    users: [{ name: "u", user: { token: "secret-token" } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    "current-context": "c",
  };
}

test("the server is asked without credentials; status, clock and body come back", async () => {
  const date = new Date("2026-05-06T07:08:09Z");
  const server = await startServer(identity, (_seen, response) => {
    response.writeHead(503, { date: date.toUTCString() }).end("[-]ledger failed\n");
  });
  try {
    const { chosen } = await choice(["--kubeconfig", server.kubeconfig], temporaryDirectory());
    if (chosen?.kind !== "server") throw new Error("a server was named");
    const answer = await chosen.server.get("/readyz?verbose", new AbortController().signal);
    expect(answer).toEqual({ status: 503, date, body: "[-]ledger failed\n" });
    expect(server.seen).toMatchObject([{ url: "/readyz?verbose", clientName: undefined }]);
    expect(server.seen[0]?.headers).not.toHaveProperty("authorization");
    await server.close();
    await expect(chosen.server.get("/version", new AbortController().signal)).rejects.toThrow("cannot connect to");
  } finally {
    await server.close().catch(() => undefined);
  }
});
