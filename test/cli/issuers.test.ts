import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { StatusError } from "../../services/shared/status-error.ts";
import { issuerRecord } from "../builders/records.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";

let server: Awaited<ReturnType<typeof startAdminServer>>;
const FIRST = issuerRecord({ id: `abcd${"1".repeat(60)}`, certificatePem: "first\n" });
const SECOND = issuerRecord({
  id: `abce${"2".repeat(60)}`,
  certificatePem: "second\n",
  slot: "old",
  origin: "imported",
});

beforeAll(async () => {
  server = await startAdminServer();
  server.issuers.records.push(FIRST, SECOND);
});
afterAll(() => server.close());

test("list shows a table", async () => {
  expect(await server.command(["issuer", "list"])).toEqual({
    code: 0,
    stdout: [
      "ID                 NAME      COMMON NAME    SLOT     KEY          ORIGIN      NOT AFTER",
      "abcd111111111111   default   gatehouse-ca   active   ecdsa-p256   generated   2026-12-31T23:59:59Z",
      "abce222222222222   default   gatehouse-ca   old      ecdsa-p256   imported    2026-12-31T23:59:59Z",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("list shows who awaits a certificate, and what is wrong with files", async () => {
  const common = { signerNames: [] };
  server.configuredIssuers.items.push(
    { ...common, name: "default", state: "ready", id: FIRST.id, problem: "ca.crt cannot be used" },
    { ...common, name: "nodes", state: "awaitingCertificate", id: undefined, problem: "nodes awaits its certificate" },
  );
  const { stdout } = await server.command(["issuer", "list"]);
  expect(stdout.split("\n").slice(3)).toEqual([
    "-                  nodes     -              awaited",
    "ca.crt cannot be used",
    "nodes awaits its certificate",
    "",
  ]);
});

test("request prints what is to be signed elsewhere, or writes it", async () => {
  expect(await server.command(["issuer", "request", "nodes"])).toEqual({
    code: 0,
    stdout: "request of nodes\n",
    stderr: "",
  });
  const workingDirectory = temporaryDirectory();
  await server.command(["issuer", "request", "nodes", "--output", "nodes.csr"], { workingDirectory });
  expect(readFileSync(join(workingDirectory, "nodes.csr"), "utf8")).toBe("request of nodes\n");
  const unknown = await server.command(["issuer", "request", "nobody"]);
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("no issuer nobody is configured") });
});

test("install sends the chain and shows what signs then, or why it does not", async () => {
  const workingDirectory = temporaryDirectory();
  writeFileSync(join(workingDirectory, "chain.pem"), "chain\n");
  const args = ["issuer", "install", "nodes", "--chain", "chain.pem"];
  const { code, stdout } = await server.command(args, { workingDirectory });
  expect([code, stdout]).toEqual([0, expect.stringContaining("Name:        nodes")]);
  expect(server.configuredIssuers.calls.at(-1)).toMatchObject({ name: "nodes", chainPem: "chain\n" });
  server.configuredIssuers.failure = new StatusError("BadRequest", "the chain does not lead to a root");
  const refused = await server.command(args, { workingDirectory });
  server.configuredIssuers.failure = undefined;
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("does not lead to a root") });
  const missing = await server.command(["issuer", "install", "nodes", "--chain", "no.pem"], { workingDirectory });
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot read --chain no.pem") });
});

test.each([
  { args: [], stdout: "first\nsecond\n" },
  { args: ["abcd"], stdout: "first\n" },
  { args: ["ABCE2"], stdout: "second\n" },
  { args: [SECOND.id], stdout: "second\n" },
])("export $args prints PEM", async ({ args, stdout }) => {
  expect(await server.command(["issuer", "export", ...args])).toEqual({ code: 0, stdout, stderr: "" });
});

test.each([
  { id: "abc", code: 2, stderr: "error: give at least 4 characters of the id\n" },
  { id: "ffff", code: 1, stderr: 'error: no issuer\'s id begins with "ffff"\nSee "gatehouse issuer list".\n' },
])("export $id is refused", async ({ id, code, stderr }) => {
  expect(await server.command(["issuer", "export", id])).toEqual({ code, stdout: "", stderr });
});

test("export does not choose between two", async () => {
  server.issuers.records.push(issuerRecord({ id: `abcd${"3".repeat(60)}` }));
  const outcome = await server.command(["issuer", "export", "abcd"]);
  server.issuers.records.pop();
  expect(outcome).toEqual({
    code: 1,
    stdout: "",
    stderr: 'error: 2 issuers\' ids begin with "abcd"\nSee "gatehouse issuer list".\n',
  });
});

test("export -o shows objects", async () => {
  const all = await server.command(["issuer", "export", "-o", "json"]);
  expect(JSON.parse(all.stdout)).toMatchObject({ kind: "IssuerList", items: [{ id: FIRST.id }, { id: SECOND.id }] });
  const one = await server.command(["issuer", "export", "abce", "-o", "yaml"]);
  expect(parse(one.stdout)).toMatchObject({ kind: "Issuer", id: SECOND.id, certificatePem: "second\n" });
});

test("export --output writes the file", async () => {
  const workingDirectory = temporaryDirectory();
  const args = ["issuer", "export", "--output", "ca.crt"];
  expect(await server.command(args, { workingDirectory })).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readFileSync(join(workingDirectory, "ca.crt"), "utf8")).toBe("first\nsecond\n");
  const missing = await server.command(["issuer", "export", "--output", "no/ca.crt"], { workingDirectory });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^error: cannot write no\/ca\.crt: ENOENT/);
});

test("reencrypt asks the server and shows what came of it", async () => {
  expect(await server.command(["issuer", "reencrypt"])).toEqual({
    code: 0,
    stdout: "Provider:       aesgcm\nKey:            two\nSealed files:   2\nRewritten:      1\n",
    stderr: "",
  });
  const json = await server.command(["issuer", "reencrypt", "-o", "json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ kind: "Reencryption", keyName: "two", rewritten: 1 });
});

test("reencrypt says when keys are not encrypted", async () => {
  const { outcome } = server.encryption;
  server.encryption.outcome = { provider: "identity", keyName: "", sealedFiles: 2, rewritten: 2 };
  const { stdout } = await server.command(["issuer", "reencrypt"]);
  server.encryption.outcome = outcome;
  expect(stdout).toContain("none: private keys are NOT encrypted");
});

test("reencrypt shows why it failed", async () => {
  server.encryption.failure = new StatusError("ServiceUnavailable", "the KMS plugin is away");
  const outcome = await server.command(["issuer", "reencrypt"]);
  server.encryption.failure = undefined;
  expect(outcome).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("the KMS plugin is away") });
});
