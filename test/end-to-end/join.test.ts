import { spawn } from "node:child_process";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving, configurationWith } from "./support/configuration.ts";
import { COMMAND_ENTRY, type CommandOutcome, runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(240_000);

const WAITED_MILLISECONDS = 1_500;

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

const at = (...names: readonly string[]): string => [directory, ...names].join("/");
const certificateIn = (file: string): X509Certificate => new X509Certificate(readFileSync(file));
const modeOf = (file: string): number => statSync(file).mode & 0o777;

/** A host of its own: everything below one temporary directory. */
function places(): readonly string[] {
  return ["--kubelet-kubeconfig", at("etc", "kubelet.conf"), "--cert-dir", at("pki")];
}

function joining(kubeconfig: string, ...args: readonly string[]): Promise<CommandOutcome> {
  return runCommand("/nowhere", ["join", "--kubeconfig", kubeconfig, ...places(), "--log-level", "warn", ...args]);
}

/** What `-o json` says of each file. */
function statesIn({ stdout }: CommandOutcome): Readonly<Record<string, string>> {
  const { files } = JSON.parse(stdout) as { files: readonly { what: string; state: string }[] };
  return Object.fromEntries(files.map(({ what, state }) => [what, state]));
}

function pinOf(caFile: string): string {
  const spki = certificateIn(caFile).publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(spki).digest("hex")}`;
}

describe("with a standalone server", () => {
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    gatehouse = await startGatehouse({ configuration: autoApproving() });
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  const token = (): string => readKubeconfig(gatehouse.bootstrapKubeconfig).credentials.token ?? "";

  test("the certificate: key, names, modes and layout as a kubelet has them, and on record under a kubelet's name", async () => {
    const args = ["--node-name", "worker-1", "--certificate"];
    const first = await joining(gatehouse.bootstrapKubeconfig, ...args);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).toContain("node worker-1 is prepared for https://127.0.0.1:");
    const current = at("pki", "kubelet-client-current.pem");
    expect(readlinkSync(current)).toMatch(/\/pki\/kubelet-client-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.pem$/);
    expect(readdirSync(at("pki")).toSorted()).toEqual(
      ["kubelet-client-current.pem", readlinkSync(current).split("/").at(-1) ?? ""].toSorted(),
    );
    const certificate = certificateIn(current);
    expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:worker-1");
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(current)))).toBe(true);
    expect(readFileSync(current, "utf8")).toMatch(/^-----BEGIN CERTIFICATE-----[\s\S]+-----BEGIN EC PRIVATE KEY-----/);
    expect([modeOf(current), modeOf(at("etc", "kubelet.conf"))]).toEqual([0o600, 0o600]);
    const kubeconfig = parse(readFileSync(at("etc", "kubelet.conf"), "utf8"));
    expect(kubeconfig.users).toEqual([
      { name: "default-auth", user: { "client-certificate": current, "client-key": current } },
    ]);
    expect(kubeconfig.clusters[0].cluster.server).toBe(gatehouse.url);
    const [onRecord] = await administrator.certificates({ node: "worker-1" });
    expect(onRecord).toMatchObject({
      serial: certificate.serialNumber.toLowerCase(),
      request: { name: expect.stringMatching(/^node-csr-[A-Za-z0-9_-]{43}$/) },
    });
    // Again: it is there, nobody is asked, and nothing changes.
    const before = readFileSync(current, "utf8");
    const again = await joining(gatehouse.bootstrapKubeconfig, ...args, "-o", "json");
    expect(statesIn(again)).toEqual({ certificate: "kept", kubeconfig: "kept" });
    expect(readFileSync(current, "utf8")).toBe(before);
    expect(await administrator.certificates({ node: "worker-1" })).toHaveLength(1);
  });

  test("the kubeconfig to bootstrap with, from a token in a file and a pin; a kubelet joins with it", async () => {
    writeFileSync(at("token"), `${token()}\n`);
    const bootstrap = at("etc", "bootstrap-kubelet.conf");
    const args = ["--server", gatehouse.url, "--ca-pin", pinOf(gatehouse.caFile), "--token-file", at("token")];
    const run = () =>
      runCommand("/nowhere", [
        "join",
        ...places(),
        ...args,
        "--node-name",
        "worker-2",
        "--bootstrap-kubeconfig",
        bootstrap,
        "-o",
        "json",
      ]);
    const first = await run();
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(statesIn(first)).toEqual({ bootstrapKubeconfig: "written" });
    expect(modeOf(bootstrap)).toBe(0o600);
    expect(readKubeconfig(bootstrap)).toMatchObject({ url: gatehouse.url, credentials: { token: token() } });
    expect(readKubeconfig(bootstrap).credentials.caPem?.trim()).toBe(readFileSync(gatehouse.caFile, "utf8").trim());
    expect(statesIn(await run())).toEqual({ bootstrapKubeconfig: "kept" });
    expect(readdirSync(directory).toSorted()).toEqual(["etc", "token"]);
  });

  test("a token of the environment is taken, and stands in no file but the one that is asked for", async () => {
    const args = [
      "join",
      ...places(),
      "--server",
      gatehouse.url,
      "--ca",
      gatehouse.caFile,
      "--node-name",
      "worker-3",
      "--certificate",
    ];
    const child = spawn(process.execPath, [COMMAND_ENTRY, ...args], {
      env: { PATH: process.env["PATH"], GATEHOUSE_BOOTSTRAP_TOKEN: token() },
      stdio: "ignore",
    });
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(certificateIn(at("pki", "kubelet-client-current.pem")).subject).toContain("CN=system:node:worker-3");
    expect(readFileSync(at("etc", "kubelet.conf"), "utf8")).not.toContain(token());
  });

  test("a dry run asks whether it would work, and changes nothing on either side", async () => {
    const args = ["--node-name", "worker-4", "--certificate", "--dry-run", "-o", "json"];
    const outcome = await joining(gatehouse.bootstrapKubeconfig, ...args);
    expect(outcome.code).toBe(0);
    expect(statesIn(outcome)).toEqual({ certificate: "wouldWrite", kubeconfig: "wouldWrite" });
    expect(readdirSync(directory)).toEqual([]);
    expect(await administrator.certificates({ node: "worker-4" })).toEqual([]);
  });

  test.each([
    {
      name: "a token that nobody made",
      text: "aaaaaa.0123456789abcdef",
      message: "has the token expired, or been deleted?",
    },
    { name: "no token at all", text: "two words", message: "holds no token" },
  ])("$name is refused in words, and not repeated", async ({ text, message }) => {
    writeFileSync(at("token"), text);
    const args = ["--token-file", at("token"), "--node-name", "worker-5", "--certificate", "--dry-run"];
    const { code, stderr } = await joining(gatehouse.bootstrapKubeconfig, ...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).not.toContain(text);
  });

  test("a pin of another CA: exit code 5, and what the server has", async () => {
    const pin = `sha256:${"0".repeat(64)}`;
    const args = [
      "join",
      ...places(),
      "--server",
      gatehouse.url,
      "--ca-pin",
      pin,
      "--node-name",
      "worker-6",
      "--certificate",
    ];
    const { code, stderr } = await runCommand("/nowhere", args);
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining(`names CAs that no --ca-pin fits: ${pinOf(gatehouse.caFile)}`),
    ]);
  });

  test("a server of another CA is not shown the token", async () => {
    const joined = await joining(gatehouse.bootstrapKubeconfig, "--node-name", "worker-7", "--certificate");
    expect(joined.code).toBe(0);
    writeFileSync(at("token"), token());
    const args = [
      "--server",
      gatehouse.url,
      "--ca",
      at("pki", "kubelet-client-current.pem"),
      "--token-file",
      at("token"),
    ];
    const { code, stderr } = await runCommand("/nowhere", [
      "join",
      "--cert-dir",
      at("other"),
      ...args,
      "--node-name",
      "worker-7",
      "--certificate",
      "--kubelet-kubeconfig",
      at("other.conf"),
    ]);
    expect([code, stderr]).toEqual([5, expect.stringContaining("cannot trust the certificate of")]);
  });

  test("what is there of another node or server stays, unless it is to be replaced", async () => {
    await joining(gatehouse.bootstrapKubeconfig, "--node-name", "worker-8", "--certificate");
    const before = readFileSync(at("pki", "kubelet-client-current.pem"), "utf8");
    const other = await joining(gatehouse.bootstrapKubeconfig, "--node-name", "worker-9", "--certificate");
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringMatching(
        /is the certificate of O=system:nodes, CN=system:node:worker-8, not of node worker-9\n.*--replace/,
      ),
    ]);
    const moved = at("moved.conf");
    writeFileSync(
      moved,
      readFileSync(gatehouse.bootstrapKubeconfig, "utf8").replace("https://127.0.0.1", "https://localhost"),
    );
    const elsewhere = await joining(moved, "--node-name", "worker-8", "--certificate");
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      1,
      expect.stringContaining("kubelet.conf is for https://127.0.0.1:"),
    ]);
    expect(readFileSync(at("pki", "kubelet-client-current.pem"), "utf8")).toBe(before);
    const replaced = await joining(
      gatehouse.bootstrapKubeconfig,
      "--node-name",
      "worker-9",
      "--certificate",
      "--replace",
    );
    expect([replaced.code, replaced.stderr]).toEqual([0, ""]);
    expect(certificateIn(at("pki", "kubelet-client-current.pem")).subject).toContain("CN=system:node:worker-9");
  });

  test("the doctor of the node: the server is reached, trusted and takes the certificate, until it is revoked", async () => {
    await joining(gatehouse.bootstrapKubeconfig, "--node-name", "worker-10", "--certificate");
    const args = ["doctor", "--node", "--node-name", "worker-10", ...places(), "-o", "json"];
    const about = async () => {
      const { checks } = JSON.parse((await runCommand("/nowhere", args)).stdout) as {
        checks: readonly { id: string; findings: readonly { outcome: string; finding: string }[] }[];
      };
      return Object.fromEntries(checks.map(({ id, findings }) => [id, findings[0]]));
    };
    expect(await about()).toMatchObject({
      "node.files": { outcome: "ok" },
      "node.kubeconfig": { outcome: "ok" },
      "node.certificate": { outcome: "ok" },
      "node.trust": { outcome: "ok" },
      "node.server": { outcome: "ok" },
      "node.clock": { outcome: "ok" },
      "node.accepted": { outcome: "ok", finding: "the server takes it for system:node:worker-10" },
    });
    const certificate = certificateIn(at("pki", "kubelet-client-current.pem"));
    await administrator.revoke(certificate.fingerprint256.replaceAll(":", "").toLowerCase());
    expect((await about())["node.accepted"]).toMatchObject({
      outcome: "error",
      finding: "the server does not take it: it may be revoked, or of another CA",
    });
  });

  test("killed at any step, the next run ends what was begun, with one request and nothing left over", async () => {
    const preload = new URL("./support/kill-at-step.ts", import.meta.url).pathname;
    const ends = new Set<unknown>();
    for (let step = 1; step < 20; step += 1) {
      const nodeName = `killed-${step}`;
      const args = [
        "join",
        "--kubeconfig",
        gatehouse.bootstrapKubeconfig,
        "--node-name",
        nodeName,
        "--certificate",
        "--kubelet-kubeconfig",
        at(nodeName, "kubelet.conf"),
        "--cert-dir",
        at(nodeName, "pki"),
      ];
      const child = spawn(process.execPath, ["--import", preload, COMMAND_ENTRY, ...args], {
        env: { ...process.env, KILL_AT_STEP: String(step), NODE_OPTIONS: "" },
        stdio: "ignore",
      });
      const [code, signal] = await once(child, "exit");
      ends.add(signal ?? code);
      const { code: next, stderr } = await runCommand("/nowhere", [...args, "--log-level", "warn"]);
      expect([step, next, stderr]).toEqual([step, 0, ""]);
      const whole = readdirSync(at(nodeName, "pki")).filter((name) => !name.endsWith(".tmp"));
      expect(whole).toHaveLength(2);
      const { credentials } = readKubeconfig(gatehouse.bootstrapKubeconfig);
      expect(readFileSync(at(nodeName, "kubelet.conf"), "utf8")).not.toContain(credentials.token ?? "");
      expect(await administrator.certificates({ node: nodeName })).toHaveLength(1);
      if (code === 0) break;
    }
    expect([...ends]).toEqual(["SIGKILL", 0]);
  });
});

describe("where people approve", () => {
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    gatehouse = await startGatehouse({ configuration: configurationWith({}) });
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  const waiting = (nodeName: string): Promise<CommandOutcome> =>
    joining(
      gatehouse.bootstrapKubeconfig,
      "--node-name",
      nodeName,
      "--certificate",
      "--wait",
      `${WAITED_MILLISECONDS / 500}s`,
    );

  test("nobody approves: exit code 3 and how to; once somebody did, the next run goes on with the same key", async () => {
    const first = await waiting("patient-1");
    expect(first.code).toBe(3);
    const [, name = ""] = /kubectl certificate approve (node-csr-\S+)\)/.exec(first.stderr) ?? [];
    expect(existsSync(at("etc"))).toBe(false);
    expect(readdirSync(at("pki"))).toEqual(["kubelet-client.key.tmp"]);
    expect(modeOf(at("pki", "kubelet-client.key.tmp"))).toBe(0o600);
    await administrator.approve(name);
    expect(await waiting("patient-1")).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(at("pki", "kubelet-client.key.tmp"))).toBe(false);
    expect(await administrator.requests()).toHaveLength(1);
  });

  test("denied: exit code 4 and the reason; the next run asks anew", async () => {
    const [, name = ""] = /(node-csr-\S+)\)/.exec((await waiting("denied-1")).stderr) ?? [];
    await administrator.deny(name);
    const denied = await waiting("denied-1");
    expect([denied.code, denied.stderr]).toEqual([
      4,
      expect.stringContaining(`the request ${name} was denied (KubectlDeny): no such machine`),
    ]);
    const anew = await waiting("denied-1");
    expect([anew.code, anew.stderr.includes(name)]).toEqual([3, false]);
  });
});
