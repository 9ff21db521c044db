import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { COMMAND_ENTRY, type CommandOutcome, runCommand, startCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const BACKUP = "example.com/backup";
const USAGES = ["digital signature", "client auth"];

const MAY_ASK = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "backup-asks" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node-bootstrapper" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "backup" }],
};

/** Whoever is in group backup may ask for certificates; holders of that signer's renew by themselves. */
function configured(): string {
  const rbac = join(temporaryDirectory(), "rbac.yaml");
  writeFileSync(rbac, JSON.stringify(MAY_ASK));
  const autoApprove = join(import.meta.dirname, "../../config/rbac/auto-approve-bootstrap.yaml");
  const profile = { subject: { commonName: ["*"], organization: ["backup"] }, usages: { allowed: USAGES } };
  return autoApproving({
    rbac: { files: [autoApprove, rbac] },
    approval: { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "self-renewal": { signers: [BACKUP] } }] },
    signers: [{ signerName: BACKUP, issuer: "default", profile }],
  });
}

let gatehouse: GatehouseProcess;
let administrator: Administrator;
let directory: string;
let nodes = 0;

beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration: configured() });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(() => gatehouse.remove());
beforeEach(() => {
  directory = temporaryDirectory();
});

/** A node's certificate and key, in two files and in one. */
async function joinedNode() {
  nodes += 1;
  const nodeName = `worker-${nodes}`;
  const { credentials } = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ url: gatehouse.url, credentials, nodeName, rotateCertificates: true });
  const { certificatePem, privateKeyPem } = await kubelet.bootstrap();
  const files = {
    certificate: join(directory, "tls.crt"),
    key: join(directory, "tls.key"),
    both: join(directory, "both.pem"),
  };
  writeFileSync(files.certificate, certificatePem, { mode: 0o644 });
  writeFileSync(files.key, privateKeyPem, { mode: 0o600 });
  writeFileSync(files.both, certificatePem + privateKeyPem, { mode: 0o600 });
  return { nodeName, ...files, certificatePem, privateKeyPem };
}

function server(): readonly string[] {
  return ["--server", gatehouse.url, "--ca", gatehouse.caFile];
}

function renew(...args: readonly string[]): Promise<CommandOutcome> {
  return runCommand(gatehouse.adminKubeconfig, ["renew", ...server(), "--log-level", "warn", ...args]);
}

const certificateIn = (file: string): X509Certificate => new X509Certificate(readFileSync(file));

test("what is not due stays as it is, and says when it will be", async () => {
  const { both, certificatePem, privateKeyPem } = await joinedNode();
  const { code, stdout } = await renew("--certificate", both);
  expect([code, stdout]).toEqual([0, expect.stringContaining("and due at ")]);
  expect(readFileSync(both, "utf8")).toBe(certificatePem + privateKeyPem);
});

test("a node's certificate: a new key, the same names, one file of its own alone; the server knows what it replaces", async () => {
  const { nodeName, both, certificatePem } = await joinedNode();
  expect(await renew("--certificate", both, "--force")).toMatchObject({ code: 0, stderr: "" });
  const renewed = certificateIn(both);
  const former = new X509Certificate(certificatePem);
  expect(renewed.subject).toBe(former.subject);
  expect(renewed.publicKey.equals(former.publicKey)).toBe(false);
  expect(statSync(both).mode & 0o777).toBe(0o600);
  const [onRecord] = await administrator.certificates({ node: nodeName });
  expect(onRecord).toMatchObject({
    fingerprint: renewed.fingerprint256.replaceAll(":", "").toLowerCase(),
    predecessor: former.fingerprint256.replaceAll(":", "").toLowerCase(),
    keyReused: false,
  });
  // It renews itself again.
  expect(await renew("--certificate", both, "--force")).toMatchObject({ code: 0 });
  expect(readdirSync(directory).toSorted()).toEqual(["both.pem", "tls.crt", "tls.key"]);
});

test("two files, and the key kept", async () => {
  const { certificate, key, certificatePem } = await joinedNode();
  const args = ["--certificate", certificate, "--key", key, "--force", "--keep-key"];
  expect(await renew(...args)).toMatchObject({ code: 0 });
  expect(certificateIn(certificate).serialNumber).not.toBe(new X509Certificate(certificatePem).serialNumber);
  expect(certificateIn(certificate).publicKey.equals(new X509Certificate(certificatePem).publicKey)).toBe(true);
  expect(await renew("--certificate", certificate, "--key", key)).toMatchObject({ code: 0 });
  expect(statSync(certificate).mode & 0o777).toBe(0o644);
});

test("a link as kubelet's is turned to a new file in one step, and the old file stays", async () => {
  const { both } = await joinedNode();
  const link = join(directory, "kubelet-client-current.pem");
  symlinkSync(both, link);
  const before = readFileSync(both, "utf8");
  expect(await renew("--certificate", link, "--force")).toMatchObject({ code: 0 });
  expect(readlinkSync(link)).toMatch(/\/kubelet-client-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d{3}\.pem$/);
  expect(readFileSync(both, "utf8")).toBe(before);
  expect(certificateIn(link).serialNumber).not.toBe(certificateIn(both).serialNumber);
  expect(statSync(readlinkSync(link)).mode & 0o777).toBe(0o600);
});

test("the reload command runs once the files are new, as it is given and without a shell", async () => {
  const { both } = await joinedNode();
  const program = join(directory, "reload");
  writeFileSync(
    program,
    `#!/bin/sh\nprintf '%s\\n' "$@" > ${join(directory, "arguments")}\ncp ${both} ${join(directory, "seen")}\n`,
  );
  chmodSync(program, 0o755);
  const hostile = "$(touch hacked); echo *";
  expect(await renew("--certificate", both, "--force", "--", program, "reload", hostile)).toMatchObject({ code: 0 });
  expect(readFileSync(join(directory, "arguments"), "utf8")).toBe(`reload\n${hostile}\n`);
  expect(readFileSync(join(directory, "seen"), "utf8")).toBe(readFileSync(both, "utf8"));
});

test.each([
  { name: "fails", command: ["/bin/false"], message: "the certificate is renewed, but /bin/false ended with 1" },
  { name: "is not there", command: ["/no/such"], message: "the certificate is renewed, but /no/such could not be run" },
])("a reload command that $name ends with exit code 6, the certificate being renewed", async ({ command, message }) => {
  const { both, certificatePem } = await joinedNode();
  const { code, stderr } = await renew("--certificate", both, "--force", "--", ...command);
  expect([code, stderr]).toEqual([6, `error: ${message}\n`]);
  expect(certificateIn(both).serialNumber).not.toBe(new X509Certificate(certificatePem).serialNumber);
});

test("a daemon with short-lived certificates renews again and again, and ends when told to", async () => {
  const { both } = await joinedNode();
  // Due two seconds after it came: the least lifetime is ten minutes.
  const args = ["--certificate", both, "--before", "598s", "--duration", "600s", "--log-level", "info"];
  expect(await renew("--certificate", both, "--force", "--duration", "600s")).toMatchObject({ code: 0 });
  const daemon = startCommand(gatehouse.adminKubeconfig, ["renew", "--daemon", ...server(), ...args]);
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  const seen = new Set<string>();
  for (const until = Date.now() + 60_000; seen.size < 3 && Date.now() < until; await pause(200)) {
    seen.add(certificateIn(both).serialNumber);
  }
  daemon.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(seen.size).toBeGreaterThanOrEqual(3);
});

test("a request that nobody approves: exit code 3; once it is approved, the next run goes on with the same key", async () => {
  const { both, certificatePem } = await joinedNode();
  // Of no signer that anything approves by itself.
  const args = ["--certificate", both, "--force", "--signer", "kubernetes.io/kube-apiserver-client", "--wait", "2s"];
  const first = await renew(...args);
  expect([first.code, first.stderr]).toEqual([3, expect.stringContaining("the next attempt goes on waiting for it")]);
  expect(certificateIn(both).raw.equals(new X509Certificate(certificatePem).raw)).toBe(true);
  expect(statSync(`${both}.renewal`).mode & 0o777).toBe(0o600);
  const name = /the request (\S+) within/.exec(first.stderr)?.[1] ?? "";
  await administrator.approve(name);
  expect(await renew(...args)).toMatchObject({ code: 0 });
  expect(existsSync(`${both}.renewal`)).toBe(false);
  expect(certificateIn(both).serialNumber).not.toBe(new X509Certificate(certificatePem).serialNumber);
});

test("a request that is denied: exit code 4 and the reason, and the next run asks anew", async () => {
  const { both } = await joinedNode();
  const args = ["--certificate", both, "--force", "--signer", "kubernetes.io/kube-apiserver-client", "--wait", "1s"];
  const [, name = ""] = /the request (\S+) within/.exec((await renew(...args)).stderr) ?? [];
  await administrator.deny(name);
  const denied = await renew(...args);
  expect([denied.code, denied.stderr]).toEqual([
    4,
    `error: the request ${name} was denied (KubectlDeny): no such machine\n`,
  ]);
  expect((await renew(...args)).stderr).not.toContain(name);
});

test("what is approved and still cannot be signed: exit code 4 and why", async () => {
  const { both } = await joinedNode();
  const args = ["--certificate", both, "--force", "--signer", "kubernetes.io/kubelet-serving", "--wait", "1s"];
  const [, name = ""] = /the request (\S+) within/.exec((await renew(...args)).stderr) ?? [];
  await administrator.approve(name);
  const { code, stderr } = await renew(...args);
  expect([code, stderr]).toEqual([4, expect.stringMatching(`error: the request ${name} failed \\(\\w+\\): `)]);
});

test("a certificate that was revoked is not renewed, and the server's words say why", async () => {
  const { both } = await joinedNode();
  const fingerprint = certificateIn(both).fingerprint256.replaceAll(":", "").toLowerCase();
  await administrator.revoke(fingerprint);
  const { code, stderr } = await renew("--certificate", both, "--force");
  expect([code, stderr]).toEqual([1, expect.stringContaining("has the certificate expired, or been revoked?")]);
});

describe.each(["one file", "two files", "a link"])("killed at any step of replacing %s", (kind) => {
  test("what was there serves on, or the next run ends what was begun", async () => {
    const { both, certificate, key } = await joinedNode();
    const link = join(directory, "tls-current.pem");
    symlinkSync("both.pem", link);
    const args =
      {
        "one file": ["--certificate", both],
        "two files": ["--certificate", certificate, "--key", key],
        "a link": ["--certificate", link],
      }[kind] ?? [];
    const steps = new Set<number | string | null>();
    for (let step = 1; step < 20; step += 1) {
      const killed = await runKilled(step, ["renew", ...server(), ...args, "--force"]);
      steps.add(killed);
      const { code, stderr } = await renew(...args);
      expect([step, code, stderr]).toEqual([step, 0, ""]);
      if (killed === 0) break;
    }
    expect([...steps]).toEqual(["SIGKILL", 0]);
    const left = readdirSync(directory).filter((name) => name.endsWith(".renewal"));
    expect(left).toEqual([]);
  });
});

async function runKilled(step: number, args: readonly string[]): Promise<number | string | null> {
  const preload = new URL("./support/kill-at-step.ts", import.meta.url).pathname;
  const environment = { KILL_AT_STEP: String(step), NODE_OPTIONS: "" };
  const child = spawn(process.execPath, ["--import", preload, COMMAND_ENTRY, ...args], {
    env: { ...process.env, ...environment },
    stdio: "ignore",
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return signal ?? code;
}

test("a server that cannot be reached: tried for a while, then exit code 5", async () => {
  const { both, certificatePem, privateKeyPem } = await joinedNode();
  const args = ["renew", "--certificate", both, "--force", "--server", "https://127.0.0.1:9", "--ca", gatehouse.caFile];
  const { code, stderr } = await runCommand(gatehouse.adminKubeconfig, [...args, "--retry", "2s"]);
  expect([code, stderr]).toEqual([
    5,
    expect.stringMatching(/trying again[\s\S]*error: cannot ask https:\/\/127\.0\.0\.1:9: /),
  ]);
  expect(readFileSync(both, "utf8")).toBe(certificatePem + privateKeyPem);
});

test("a server of another CA is not talked to", async () => {
  const { both, certificate } = await joinedNode();
  const args = [
    "renew",
    "--certificate",
    both,
    "--force",
    "--server",
    gatehouse.url,
    "--ca",
    certificate,
    "--retry",
    "1s",
  ];
  const { code, stderr } = await runCommand(gatehouse.adminKubeconfig, args);
  expect([code, stderr]).toEqual([5, expect.stringContaining("certificate")]);
});

test("a certificate of a signer of one's own renews itself by the hook self-renewal, and with other names it does not", async () => {
  const { both } = await joinedNode();
  const identity = { certificate: join(directory, "backup.crt"), key: join(directory, "backup.key") };
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", identity.key);
  openssl("req", "-new", "-key", identity.key, "-subj", "/O=backup/CN=backup", "-out", join(directory, "csr"));
  const spec = { request: readFileSync(join(directory, "csr"), "base64"), signerName: BACKUP, usages: USAGES };
  const { metadata } = await administrator.submit({ metadata: { generateName: "backup-" }, spec });
  await administrator.approve(metadata.name);
  const first = await eventually(async () => (await administrator.request(metadata.name)).status?.certificate);
  writeFileSync(identity.certificate, Buffer.from(first, "base64"));
  const args = ["--signer", BACKUP, "--force", "--certificate", identity.certificate, "--key", identity.key];
  expect(await renew(...args)).toMatchObject({ code: 0, stderr: "" });
  const renewed = certificateIn(identity.certificate);
  expect([
    renewed.subject,
    renewed.serialNumber === new X509Certificate(Buffer.from(first, "base64")).serialNumber,
  ]).toEqual(["O=backup\nCN=backup", false]);
  // A node asks that signer for its own names: it shows no certificate of that signer.
  const other = await renew("--certificate", both, "--force", "--signer", BACKUP, "--wait", "1s");
  expect(other.code).toBe(3);
});

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const until = Date.now() + 30_000; Date.now() < until; await pause(100)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error("it did not happen within 30 s");
}

test.each(["--certificate", "--key"])("a %s that is not there, or something else, is named", async (option) => {
  const { certificate, key } = await joinedNode();
  const paths = { "--certificate": certificate, "--key": key, [option]: join(directory, "none.pem") };
  const args = Object.entries(paths).flat();
  expect(await renew(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot read") });
  writeFileSync(join(directory, "none.pem"), "nothing");
  expect(await renew(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining("none.pem holds no ") });
});
