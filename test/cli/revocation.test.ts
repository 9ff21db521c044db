import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { certificateRecord } from "../builders/records.ts";
import { startAdminServer } from "./admin-server.ts";

const CERTIFICATE = certificateRecord();
const KEY = "ab".repeat(32);
let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.revoking.orders.length = 0;
  server.revoking.readmitted.length = 0;
  server.revoking.outcome = { certificates: [CERTIFICATE], quarantined: false };
});

const dryRuns = () => server.revoking.orders.map(({ dryRun }) => dryRun);
const TABLE = [
  "SERIAL   SIGNER                                        COMMON NAME          NOT AFTER",
  "0a1b2c   kubernetes.io/kube-apiserver-client-kubelet   system:node:node-1   2026-02-01T00:00:00Z",
].join("\n");

test("a certificate is revoked when its common name is given", async () => {
  const why = ["--reason", "keyCompromise", "--message", "stolen"];
  const { code, stdout, stderr } = await server.command([
    ...["certificate", "revoke", "0A:1B:2C", ...why, "--confirm", "system:node:node-1"],
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`${TABLE}\n1 certificate revoked\n`);
  const selector = { kind: "certificate", id: "0a1b2c", issuerId: undefined };
  const order = { selector, reason: "keyCompromise", message: "stolen", by: "alice" };
  expect(server.revoking.orders).toEqual([
    { ...order, dryRun: true },
    { ...order, dryRun: false },
  ]);
});

test.each([
  { name: "without a name", args: [], said: "it was not confirmed" },
  { name: "by another name", args: ["--confirm", "node-1"], said: "node-1 is not whom it is about" },
])("nothing is done $name, but to tell who would be hit", async ({ args, said }) => {
  const { code, stdout, stderr } = await server.command(["certificate", "revoke", "0a1b2c", ...args]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe(
    `${TABLE}\n1 certificate would be revoked\nerror: nothing was done: ${said}\n` +
      "To do it, add: --confirm system:node:node-1\n",
  );
  expect(dryRuns()).toEqual([true]);
});

test("a dry run needs no name, and is told in any format", async () => {
  const { code, stdout } = await server.command(["certificate", "revoke", "0a1b2c", "--dry-run", "-o", "json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ kind: "RevocationOutcome", items: [{ serial: "0a1b2c" }] });
  expect(dryRuns()).toEqual([true]);
});

test.each([
  { args: ["--key", KEY, "--confirm", KEY], selector: { kind: "key", spkiSha256: KEY } },
  {
    args: ["--node", "node-1", "--confirm", "node-1"],
    selector: { kind: "node", nodeName: "node-1", quarantine: false },
  },
])("certificate revoke $args", async ({ args, selector }) => {
  expect((await server.command(["certificate", "revoke", ...args])).code).toBe(0);
  expect(server.revoking.orders.at(-1)).toMatchObject({ selector, dryRun: false, reason: "unspecified" });
});

test.each([
  { args: ["certificate", "revoke"], stderr: "error: nothing is named\nGive an id, --key or --node.\n" },
  { args: ["certificate", "revoke", "01", "--node", "a"], stderr: "error: several things are named\n" },
  { args: ["certificate", "revoke", "01", "--reason", "certificateHold"], stderr: "'certificateHold' is invalid" },
])("$args is refused", async ({ args, stderr }) => {
  const answer = await server.command(args);
  expect(answer.code).toBe(2);
  expect(answer.stderr).toContain(stderr);
  expect(server.revoking.orders).toEqual([]);
});

test("a node is quarantined when it is named twice, and readmitted", async () => {
  server.revoking.outcome = { certificates: [CERTIFICATE], quarantined: true };
  const refused = await server.command(["node", "quarantine", "node-1"]);
  expect(refused.stderr).toContain("the node would be quarantined\nSERIAL");
  expect(refused.stderr).toContain("To do it, add: --confirm node-1\n");
  const quarantine = await server.command(["node", "quarantine", "node-1", "--confirm", "node-1"]);
  expect(quarantine.stdout).toBe(`the node is quarantined\n${TABLE}\n1 certificate revoked\n`);
  const selector = { kind: "node", nodeName: "node-1", quarantine: true };
  expect(server.revoking.orders.at(-1)).toMatchObject({ selector, dryRun: false });
  const readmission = await server.command(["node", "readmit", "node-1", "--confirm", "node-1"]);
  expect(readmission).toEqual({ code: 0, stdout: "the node is readmitted\n", stderr: "" });
  expect(server.revoking.readmitted.map(({ dryRun }) => dryRun)).toEqual([true, false]);
});
