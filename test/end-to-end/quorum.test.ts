import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { formatStaticToken, hashStaticToken, newStaticToken } from "../../services/shared/static-token.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { findKubectls, type Kubectl, kubectlWith } from "./support/kubectl.ts";
import { requestManifest } from "./support/request-manifest.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const ADMINISTRATORS = ["--as-group", "gatehouse:administrators"];
const APPROVERS_FILE = join(import.meta.dirname, "../../config/rbac/client-approvers.yaml");
const directory = temporaryDirectory();
const PEOPLE = ["alice", "bob", "carol"].map((name) => ({ name, token: newStaticToken() }));
const CONFIGURATION = configurationWith({
  authentication: [
    { clientCertificate: {} },
    { bootstrapToken: {} },
    { tokenFile: { file: join(directory, "tokens.yaml") } },
  ],
  rbac: { files: [APPROVERS_FILE] },
  approval: { hooks: [{ manual: { quorum: 2, signers: ["kubernetes.io/kube-apiserver-client"] } }] },
});

/** The newest of this machine is enough: what they print and send for an approval has not changed. */
const binary = findKubectls().at(-1);
const describeWithKubectl = binary === undefined ? describe.skip : describe;

let gatehouse: GatehouseProcess;
let administrator: Administrator;
beforeAll(async () => {
  const entries = PEOPLE.map(async ({ name, token }) => {
    const groups = ["gatehouse:client-approvers"];
    return { id: token.id, user: name, groups, hash: await hashStaticToken(token) };
  });
  writeFileSync(join(directory, "tokens.yaml"), JSON.stringify(await Promise.all(entries)));
  gatehouse = await startGatehouse({ configuration: CONFIGURATION });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  administrator.close();
  await gatehouse.remove();
});

describeWithKubectl("two people with kubectl", () => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = kubectlWith(binary ?? { version: "", path: "" }, gatehouse.adminKubeconfig);
  });
  afterAll(() => kubectl.remove());
  const as = (person: string, ...args: string[]) => kubectl.run([...args, "--kubeconfig", kubeconfigOf(person)]);
  const conditions = (name: string) =>
    kubectl.must(["get", "csr", name, "-o", "jsonpath={.status.conditions[*].type}"]).trim();

  test("approve one after the other, across a restart: a certificate after the second", async () => {
    kubectl.must(["create", "-f", "-"], { input: requestManifest({ name: "jane" }) });
    const first = as("alice", "certificate", "approve", "jane");
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/Warning: not approved yet: 1 of 2 people have approved it \(alice\); 1 more to go/);
    expect(conditions("jane")).toBe("QuorumPending");
    expect(as("alice", "certificate", "approve", "jane").stderr).toMatch(/1 of 2/);
    expect(conditions("jane")).toBe("QuorumPending");

    const { dataDirectory } = gatehouse;
    expect(await gatehouse.stop("SIGKILL")).toBe("SIGKILL");
    gatehouse = await startGatehouse({ configuration: CONFIGURATION, dataDirectory });
    kubectl.remove();
    kubectl = kubectlWith(binary ?? { version: "", path: "" }, gatehouse.adminKubeconfig);
    administrator.close();
    administrator = new Administrator(gatehouse.adminKubeconfig);

    const second = as("bob", "certificate", "approve", "jane");
    expect(second).toMatchObject({ code: 0, stderr: "" });
    expect(conditions("jane")).toBe("Approved");
    expect(await certificateOf("jane")).toBe("O=developers\nCN=jane");
    expect((await administrator.decisions("jane")).items).toMatchObject([
      { outcome: "pending" },
      { outcome: "pending", decidedBy: "alice" },
      { outcome: "pending" },
      { outcome: "approved", hook: "manual", decidedBy: "bob" },
    ]);
  });

  test("one of them denies: denied", async () => {
    kubectl.must(["create", "-f", "-"], { input: requestManifest({ name: "mallory" }) });
    as("alice", "certificate", "approve", "mallory");
    expect(as("bob", "certificate", "deny", "mallory").code).toBe(0);
    expect(conditions("mallory")).toBe("QuorumPending Denied");
  });

  test("the command says what is missing", async () => {
    kubectl.must(["create", "-f", "-", "--as", "carol", ...ADMINISTRATORS], {
      input: requestManifest({ name: "joe" }),
    });
    const { stdout } = await runCommand(gatehouse.adminKubeconfig, ["csr", "approve", "joe"]);
    expect(stdout).toBe("joe is not approved yet: 1 of 2 people have approved it (gatehouse-admin); 1 more to go\n");
    const own = as("carol", "certificate", "approve", "joe");
    expect(own.stderr).toMatch(/who asked for the certificate is none of them/);
  });

  test("an administrator who acts as others is not several people", () => {
    kubectl.must(["create", "-f", "-"], { input: requestManifest({ name: "moe" }) });
    const acting = kubectl.run(["certificate", "approve", "moe", "--as", "alice", ...ADMINISTRATORS]);
    expect(acting.stderr).toMatch(/each as themselves: "gatehouse-admin" acts as "alice"/);
    expect(conditions("moe")).toBe("");
  });
});

/** A kubeconfig by which somebody logs in with a token of their own. */
function kubeconfigOf(person: string): string {
  const token = PEOPLE.find(({ name }) => name === person)?.token;
  if (token === undefined) throw new Error(`nobody is called ${person}`);
  const kubeconfig = parse(readFileSync(gatehouse.adminKubeconfig, "utf8"));
  kubeconfig.users[0].user = { token: formatStaticToken(token) };
  const path = join(directory, `${person}.kubeconfig`);
  writeFileSync(path, JSON.stringify(kubeconfig));
  return path;
}

async function certificateOf(name: string): Promise<string> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const { certificate } = (await administrator.request(name)).status;
    if (certificate !== undefined) return new X509Certificate(Buffer.from(certificate, "base64")).subject;
  }
  throw new Error(`${name} got no certificate`);
}
