import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { diagnoseNode } from "../../services/node-agent/doctor.ts";
import { kubeconfigText } from "../builders/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { makeLeaf } from "../end-to-end/support/client-certificates.ts";
import { makeAuthority } from "../end-to-end/support/openssl-authority.ts";

const HOUR_MILLISECONDS = 3_600_000;
const CLIENT = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"];

const made = temporaryDirectory();
const authority = makeAuthority(made, { commonName: "ca", kind: "ecdsa-p384" });
const caPem = readFileSync(authority.certificateFile, "utf8");
const node = leaf("node", "/O=system:nodes/CN=system:node:worker-1");
const stranger = leaf("stranger", "/O=system:nodes/CN=system:node:worker-2");

function leaf(name: string, subject: string): string {
  const { certificateFile, keyFile } = makeLeaf(made, authority, { name, subject, extensions: CLIENT });
  return readFileSync(certificateFile, "utf8") + readFileSync(keyFile, "utf8");
}

let directory: string;
const at = (...names: readonly string[]): string => join(directory, ...names);

/** A node that has joined, all of it below one directory, with a kubelet that runs. */
beforeEach(() => {
  directory = temporaryDirectory();
  mkdirSync(at("pki"), { mode: 0o755 });
  mkdirSync(at("proc", "4711"), { recursive: true });
  const flags = ["/usr/bin/kubelet", "--config", at("config.yaml"), `--kubeconfig=${at("kubelet.conf")}`];
  const more = [
    "--bootstrap-kubeconfig",
    at("bootstrap.conf"),
    "--cert-dir",
    at("pki"),
    "--hostname-override=worker-1",
  ];
  writeFileSync(at("proc", "4711", "cmdline"), [...flags, ...more, ""].join("\0"));
  configure({ rotateCertificates: true, serverTLSBootstrap: true });
  writeFileSync(at("pki", "kubelet-client-1.pem"), node, { mode: 0o600 });
  symlinkSync(at("pki", "kubelet-client-1.pem"), current());
  const files = { "client-certificate": current(), "client-key": current() };
  writeFileSync(at("kubelet.conf"), kubeconfigText("https://127.0.0.1:9", caPem, files), { mode: 0o600 });
});

const current = (): string => at("pki", "kubelet-client-current.pem");

function configure(settings: object): void {
  const kind = { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" };
  writeFileSync(at("config.yaml"), JSON.stringify({ ...kind, ...settings }));
}

async function findings(id: string, at = new Date(), isOffline = true): Promise<readonly string[]> {
  const options = { only: [id], isOffline, timeoutSeconds: 10, processDirectory: join(directory, "proc") };
  const { checks } = await diagnoseNode({ ...options, clock: { now: () => at } });
  return checks.flatMap((check) => check.findings.map(({ outcome, finding }) => `${outcome}: ${finding}`));
}

test("a node that has joined: what its kubelet says is where is looked, and nothing is wrong", async () => {
  const { checks, summary } = await diagnoseNode({
    ...{ isOffline: true, timeoutSeconds: 10, processDirectory: at("proc") },
  });
  expect(checks.flatMap((check) => check.findings.filter(({ outcome }) => outcome === "error"))).toEqual([]);
  // The serving certificate is not there yet.
  expect(summary).toEqual({ ok: 8, warning: 1, error: 0, skipped: 3 });
  expect(await findings("node.kubelet")).toEqual([`ok: looks at ${at("kubelet.conf")}, ${at("pki")}`]);
});

interface Fault {
  readonly name: string;
  readonly id: string;
  readonly spoil: () => void;
  readonly finding: string;
  /** Hours from now. */
  readonly later?: number;
}

describe("what is wrong is told", () => {
  test.each<Fault>([
    {
      ...{ name: "a link that leads nowhere", id: "node.files", finding: "error: is a link that leads nowhere" },
      spoil: () => rmSync(at("pki", "kubelet-client-1.pem")),
    },
    {
      ...{ name: "a key that others read", id: "node.files", finding: "error: mode 0644 lets others in" },
      spoil: () => chmodSync(at("pki", "kubelet-client-1.pem"), 0o644),
    },
    {
      ...{ name: "a folder that others write to", id: "node.files" },
      spoil: () => chmodSync(at("pki"), 0o777),
      finding: "error: mode 0777 lets others put files in its place",
    },
    {
      ...{ name: "another node's certificate", id: "node.certificate" },
      spoil: () => writeFileSync(at("pki", "kubelet-client-1.pem"), stranger),
      finding:
        "error: is the certificate of O=system:nodes, CN=system:node:worker-2, not of O=system:nodes, CN=system:node:worker-1",
    },
    {
      ...{ name: "another key", id: "node.certificate", finding: "error: the key in" },
      spoil: () =>
        writeFileSync(
          at("pki", "kubelet-client-1.pem"),
          node.replace(/-----BEGIN (EC )?PRIVATE[\s\S]*/, "") + keyOf(stranger),
        ),
    },
    {
      ...{ name: "a renewal that is overdue", id: "node.certificate", spoil: () => undefined, later: 23 },
      finding: "warning: ends at",
    },
    { name: "the end", id: "node.certificate", spoil: () => undefined, later: 25, finding: "error: expired" },
    {
      ...{ name: "no rotation", id: "node.rotation", spoil: () => configure({}) },
      finding: "error: rotateCertificates is off",
    },
    {
      ...{ name: "no signed serving certificate", id: "node.serving", spoil: () => configure({}) },
      finding: "warning: serverTLSBootstrap is off",
    },
    {
      ...{
        name: "a configuration that is none",
        id: "node.rotation",
        finding: "skipped: holds no KubeletConfiguration",
      },
      spoil: () => writeFileSync(at("config.yaml"), "kind: Other"),
    },
    {
      ...{ name: "no kubeconfig at all", id: "node.kubeconfig", spoil: () => rmSync(at("kubelet.conf")) },
      finding: "error: does not exist, and there is nothing to bootstrap with",
    },
    {
      ...{ name: "a token that is left over", id: "node.kubeconfig", finding: "warning: still holds a token" },
      spoil: () => writeFileSync(at("bootstrap.conf"), kubeconfigText("https://127.0.0.1:9", caPem, { token: "t" })),
    },
    {
      ...{ name: "a kubeconfig that nobody can read", id: "node.kubeconfig", finding: "error: " },
      spoil: () => writeFileSync(at("kubelet.conf"), "{"),
    },
    {
      ...{
        name: "a CA that ends",
        id: "node.trust",
        spoil: () => undefined,
        later: 24 * 36_500,
        finding: "error: CA CN=ca expired",
      },
    },
    {
      ...{ name: "a name that no node may have", id: "node.name", finding: "error: is no lower-case DNS subdomain" },
      spoil: () => writeFileSync(at("proc", "4711", "cmdline"), "kubelet\0--hostname-override\0Worker_1\0"),
    },
  ])("$name", async ({ id, spoil, finding, later = 0 }) => {
    spoil();
    const found = await findings(id, new Date(Date.now() + later * HOUR_MILLISECONDS));
    expect(found.join("\n")).toContain(finding);
  });
});

test("a flag of the kubelet wins over its configuration", async () => {
  const flags = `kubelet\0--config\0${at("config.yaml")}\0--rotate-certificates=false\0`;
  writeFileSync(at("proc", "4711", "cmdline"), flags);
  expect(await findings("node.rotation")).toEqual([expect.stringContaining("error: rotateCertificates is off")]);
});

test("a server that does not answer is an error, and the address is told", async () => {
  expect(await findings("node.server", new Date(), false)).toEqual([
    "error: cannot ask https://127.0.0.1:9: nothing listens there",
  ]);
  expect(await findings("node.clock", new Date(), false)).toEqual([
    "skipped: the server did not answer; see node.server",
  ]);
});

function keyOf(pem: string): string {
  return /-----BEGIN (EC )?PRIVATE[\s\S]*/.exec(pem)?.[0] ?? "";
}
