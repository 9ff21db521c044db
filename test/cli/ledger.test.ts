import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { startAdminServer } from "./admin-server.ts";
import { gatehouse, startServer } from "./fixture.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
let workingDirectory: string;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  workingDirectory = temporaryDirectory();
});

const backup = (...args: string[]) =>
  server.command(["ledger", "backup", "--output", "copy.db", ...args], { workingDirectory });

test("backup leaves a private copy and tells about it", async () => {
  const { copy } = server.maintenance;
  const path = join(workingDirectory, "copy.db");
  expect(await backup()).toEqual({ code: 0, stdout: `${path}: 0.0 MB, everything up to revision 7\n`, stderr: "" });
  expect(readFileSync(path)).toEqual(copy);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(workingDirectory)).toEqual(["copy.db"]);
});

test("backup does not overwrite unless forced", async () => {
  const path = join(workingDirectory, "copy.db");
  writeFileSync(path, "precious");
  expect(await backup()).toEqual({
    code: 1,
    stdout: "",
    stderr: `error: ${path} exists\nChoose another --output, or replace it with --force.\n`,
  });
  expect(readFileSync(path, "utf8")).toBe("precious");
  const { code, stdout } = await backup("--force", "-o", "json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ file: path, bytes: server.maintenance.copy.length, revision: 7 });
  expect(readFileSync(path)).toEqual(server.maintenance.copy);
});

test("backup draws its progress on a terminal only", async () => {
  const args = ["ledger", "backup", "--output", "copy.db"];
  const { stderr } = await server.command(args, { workingDirectory, isTTY: true });
  expect(stderr).toBe("\rcopying the ledger ... 0.0 MB of 0.0 MB\u001b[K\r\u001b[K");
});

test("a backup whose length is not announced is as good", async () => {
  const chunked = await startServer(await buildTlsIdentity(), (_, response) => {
    response.writeHead(200, { "gatehouse-revision": "1" });
    response.end("all of it");
  });
  const args = ["ledger", "backup", "--output", "copy.db", "--kubeconfig", chunked.kubeconfig];
  const { code, stderr } = await gatehouse(args, { workingDirectory, isTTY: true });
  await chunked.close();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "\rcopying the ledger ... 0.0 MB\u001b[K\r\u001b[K" });
  expect(readFileSync(join(workingDirectory, "copy.db"), "utf8")).toBe("all of it");
});

test.each([
  { announced: "by its length", headers: { "content-length": 100 } },
  { announced: "in chunks", headers: {} },
])("a backup announced $announced that breaks off leaves nothing, and the old copy as it was", async ({ headers }) => {
  const broken = await startServer(await buildTlsIdentity(), (_, response) => {
    response.writeHead(200, { ...headers, "gatehouse-revision": "1" });
    response.write("only a part");
    setTimeout(() => response.destroy(), 20);
  });
  const path = join(workingDirectory, "copy.db");
  writeFileSync(path, "precious");
  const args = ["ledger", "backup", "--output", path, "--force", "--kubeconfig", broken.kubeconfig];
  const { code, stdout, stderr } = await gatehouse(args);
  await broken.close();
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe("error: the backup was not completed: aborted\n");
  expect(readdirSync(workingDirectory)).toEqual(["copy.db"]);
  expect(readFileSync(path, "utf8")).toBe("precious");
});

test("a file that appears while the copy is on its way is not replaced unless forced", async () => {
  const path = join(workingDirectory, "copy.db");
  const slow = await startServer(await buildTlsIdentity(), (_, response) => {
    writeFileSync(path, "precious");
    response.end("the copy");
  });
  const args = ["ledger", "backup", "--output", path, "--kubeconfig", slow.kubeconfig];
  const { code, stderr } = await gatehouse(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: the backup was not completed: EEXIST/);
  expect(readFileSync(path, "utf8")).toBe("precious");
  expect((await gatehouse([...args, "--force"])).code).toBe(0);
  await slow.close();
  expect(readFileSync(path, "utf8")).toBe("the copy");
});

test("a backup into a folder that is not there fails before it asks for much", async () => {
  const { code, stderr } = await server.command(["ledger", "backup", "--output", "no/copy.db"], { workingDirectory });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: the backup was not completed: ENOENT/);
});

const SOUND = [
  "Sound:           yes",
  "Revision:        7",
  "Certificates:    2",
  "Decisions:       1",
  "Audit entries:   3",
  `Audit head:      ${"ab".repeat(32)}`,
  "Problems:        <none>",
  "Warnings:        <none>",
  "",
].join("\n");

test("verify asks the server", async () => {
  expect(await server.command(["ledger", "verify"])).toEqual({ code: 0, stdout: SOUND, stderr: "" });
});

const HINT = "Keep the file as it is, and compare it with the last backup that verified.\n";

test.each([
  { problems: ["entry 2: hash differs"], stderr: `error: the ledger has 1 problem\n${HINT}` },
  { problems: ["a", "b"], stderr: `error: the ledger has 2 problems\n${HINT}` },
])("verify fails for $problems and still shows everything", async ({ problems, stderr }) => {
  const { maintenance } = server;
  const { verification } = maintenance;
  maintenance.verification = { ...verification, problems };
  const table = await server.command(["ledger", "verify"]);
  const json = await server.command(["ledger", "verify", "-o", "json"]);
  maintenance.verification = verification;
  expect({ code: table.code, stderr: table.stderr }).toEqual({ code: 1, stderr });
  expect(table.stdout).toContain("Sound:           no\n");
  expect(table.stdout).toContain(`Problems:        ${problems[0]}\n`);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout).problems).toEqual(problems);
});

test("verify --database needs no server", async () => {
  const path = join(workingDirectory, "copy.db");
  writeFileSync(path, "");
  const asked: string[] = [];
  const verifyLedgerFile = async (file: string) => {
    asked.push(file);
    return server.maintenance.verification;
  };
  const args = ["ledger", "verify", "--database", "copy.db"];
  const options = { workingDirectory, certificateAuthority: { verifyLedgerFile } };
  expect(await gatehouse(args, options)).toEqual({ code: 0, stdout: SOUND, stderr: "" });
  expect(asked).toEqual([path]);
});

test("verify --database of no file, or of no ledger", async () => {
  const args = ["ledger", "verify", "--database", "copy.db"];
  const path = join(workingDirectory, "copy.db");
  expect(await gatehouse(args, { workingDirectory })).toEqual({
    code: 1,
    stdout: "",
    stderr: `error: ${path} does not exist\n`,
  });
  writeFileSync(path, "");
  const verifyLedgerFile = async () => Promise.reject(new Error("file is not a database"));
  expect(await gatehouse(args, { workingDirectory, certificateAuthority: { verifyLedgerFile } })).toEqual({
    code: 1,
    stdout: "",
    stderr: `error: cannot verify ${path}: file is not a database\nIs it a ledger or a backup of one?\n`,
  });
});
