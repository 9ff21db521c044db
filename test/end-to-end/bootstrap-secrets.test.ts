import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { findKubectls, kubectlWith } from "./support/kubectl.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";

jest.setTimeout(120_000);

const binaries = findKubectls();
/** A machine without kubectl has nothing to show here; its run says so as skipped tests. */
const describeEach =
  binaries.length > 0 ? describe.each(binaries) : describe.skip.each([{ version: "(none found)", path: "" }]);
const kubeadm = findKubernetesProgram("kubeadm");
const testWithKubeadm = kubeadm === undefined ? test.skip : test;

const configuration = configurationWith({ bootstrapTokens: { keepSigningSecrets: true } });
let gatehouse: GatehouseProcess;
beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration });
});
afterAll(() => gatehouse.remove());

async function statusAs(token: string, path: string): Promise<number> {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const client = new HttpsClient(url, { caPem: credentials.caPem, token });
  const { status } = await client.send("GET", path);
  client.close();
  return status;
}

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SECRETS = "/api/v1/namespaces/kube-system/secrets";

describeEach("kubectl $version", (binary) => {
  test("a token is created, works, is shown and deleted; its bearer may not see tokens", async () => {
    const kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
    const id = `k${binary.version.replaceAll(/[^0-9]+/g, "")}aaaaaa`.slice(0, 6);
    const name = `bootstrap-token-${id}`;
    const values = [`token-id=${id}`, "token-secret=0123456789abcdef", "usage-bootstrap-authentication=true"];
    const literals = values.map((value) => `--from-literal=${value}`);
    const type = "--type=bootstrap.kubernetes.io/token";
    const create = ["create", "secret", "generic", "-n", "kube-system", name, type, ...literals];
    expect(kubectl.must(create)).toBe(`secret/${name} created\n`);
    expect(await statusAs(`${id}.0123456789abcdef`, CSRS)).toBe(200);
    expect(await statusAs(`${id}.0123456789abcdef`, SECRETS)).toBe(403);
    expect(kubectl.must(["get", "secrets", "-A"])).toMatch(
      new RegExp(`^kube-system +${name} +bootstrap.kubernetes.io/token +3 +`, "m"),
    );
    expect(kubectl.must(["describe", "secret", "-n", "kube-system", name])).toMatch(/^token-id: +6 bytes$/m);
    const secretIn = ["get", "secret", "-n", "kube-system", name, "-o", "jsonpath={.data.token-secret}"];
    expect(Buffer.from(kubectl.must(secretIn), "base64").toString()).toBe("secretisnotshown");
    expect(await statusAs(`${id}.secretisnotshown`, CSRS)).toBe(401);
    const other = kubectl.run(["create", "secret", "generic", "-n", "kube-system", "other", "--from-literal=a=b"]);
    expect(other.stderr).toContain("bootstrap tokens");
    kubectl.must(["delete", "secret", "-n", "kube-system", name]);
    expect(await statusAs(`${id}.0123456789abcdef`, CSRS)).toBe(401);
    const manifest = {
      ...{ apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token" },
      metadata: { name, namespace: "kube-system" },
      stringData: { "token-id": id, "token-secret": "fedcba9876543210", "usage-bootstrap-signing": "true" },
    };
    kubectl.must(["create", "-f", "-"], { input: JSON.stringify(manifest) });
    expect(Buffer.from(kubectl.must(secretIn), "base64").toString()).toBe("fedcba9876543210");
    kubectl.remove();
  });

  test("tokens are watched, patched, edited, annotated and labelled; their secrets are not", async () => {
    const kubectl = kubectlWith(binary, gatehouse.adminKubeconfig);
    const id = `w${binary.version.replaceAll(/[^0-9]+/g, "")}aaaaaa`.slice(0, 6);
    const name = `bootstrap-token-${id}`;
    const secrets = ["-n", "kube-system", "secret", name];
    const watched = kubectl.start(["get", "secrets", "-n", "kube-system", "-w", "--output-watch-events"]);
    await watched.waitFor(/ADDED/);
    const values = { "token-id": id, "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true" };
    const manifest = {
      ...{ apiVersion: "v1", kind: "Secret", type: "bootstrap.kubernetes.io/token", stringData: values },
      metadata: { name, namespace: "kube-system" },
    };
    kubectl.must(["create", "-f", "-"], { input: JSON.stringify(manifest) });
    await watched.waitFor(new RegExp(`^ADDED +${name} +bootstrap.kubernetes.io/token +3 `, "m"));
    kubectl.must(["patch", ...secrets, "-p", JSON.stringify({ stringData: { description: "patched" } })]);
    await watched.waitFor(new RegExp(`^MODIFIED +${name} +bootstrap.kubernetes.io/token +4 `, "m"));
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    kubectl.must([
      "patch",
      ...secrets,
      "--type",
      "merge",
      "-p",
      JSON.stringify({ stringData: { expiration: inAnHour } }),
    ]);
    kubectl.must(["annotate", ...secrets, "example.com/note=later"]);
    kubectl.must(["label", ...secrets, "rack=7"]);
    expect(kubectl.must(["get", "secrets", "-A", "-l", "rack=7", "-o", "name"])).toBe(`secret/${name}\n`);
    const ENCODED = Buffer.from("edited").toString("base64");
    const editor = `sed -i -e 's|^  description: .*|  description: ${ENCODED}|'`;
    expect(kubectl.must(["edit", ...secrets], { environment: { KUBE_EDITOR: editor } })).toContain("edited");
    const after = JSON.parse(kubectl.must(["get", ...secrets, "-o", "json"]));
    expect(after.metadata).toMatchObject({ annotations: { "example.com/note": "later" }, labels: { rack: "7" } });
    const texts = Object.entries(after.data as Record<string, string>).map(
      ([key, value]) => [key, Buffer.from(value, "base64").toString()] as const,
    );
    expect(Object.fromEntries(texts)).toMatchObject({
      ...{ description: "edited", expiration: `${inAnHour.slice(0, 19)}Z`, "token-secret": "secretisnotshown" },
    });
    expect(await statusAs(`${id}.0123456789abcdef`, CSRS)).toBe(200);
    const another = JSON.stringify({ stringData: { "token-secret": "fedcba9876543210" } });
    expect(kubectl.run(["patch", ...secrets, "-p", another]).stderr).toContain("a token's secret cannot be changed");
    const applied = kubectl.run(["apply", "-f", "-"], { input: JSON.stringify(manifest) });
    expect(applied.stderr).toContain("would keep the token's secret readable");
    kubectl.must(["delete", ...secrets]);
    await watched.waitFor(new RegExp(`^DELETED +${name} `, "m"));
    await watched.stop();
    kubectl.remove();
  });
});

function kubeadmToken(server: GatehouseProcess, args: readonly string[]) {
  const all = ["token", ...args, "--kubeconfig", server.adminKubeconfig];
  return spawnSync(kubeadm ?? "", all, { encoding: "utf8" });
}

testWithKubeadm("kubeadm lists tokens whose secret is not kept without complaint", async () => {
  const plain = await startGatehouse();
  try {
    const made = kubeadmToken(plain, ["create", "--usages", "authentication", "--description", "by kubeadm"]);
    expect(made.stdout).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
    const { stdout, stderr, status } = kubeadmToken(plain, ["list"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      new RegExp(`^${made.stdout.slice(0, 6)}\\.secretisnotshown .* authentication +by kubeadm `, "m"),
    );
    // The one that was made at the first start, in /v1.
    expect(stdout).toMatch(/^[a-z0-9]{6}\.secretisnotshown .* made at first start /m);
  } finally {
    await plain.remove();
  }
});

testWithKubeadm("kubeadm token create, list and delete, if KUBEBUILDER_ASSETS has kubeadm", async () => {
  const run = (...args: readonly string[]) => kubeadmToken(gatehouse, args);
  const token = "adadad.0123456789abcdef";
  expect(run("create", token, "--description", "by kubeadm", "--ttl", "1h").stdout).toBe(`${token}\n`);
  expect(run("create", token).stderr).toContain("already exists");
  expect(run("list").stdout).toMatch(new RegExp(`^${token} .* authentication,signing +by kubeadm `, "m"));
  expect(await statusAs(token, CSRS)).toBe(200);
  expect(run("delete", "adadad").stdout).toContain('"adadad" deleted');
  expect(await statusAs(token, CSRS)).toBe(401);
});

test("what is kept is sealed, survives a restart, and the setting is named at start", async () => {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const client = new HttpsClient(url, credentials);
  const stringData = { "token-id": "sealed", "token-secret": "sealedsealedseal", "usage-bootstrap-signing": "true" };
  const body = JSON.stringify({
    ...{ metadata: { name: "bootstrap-token-sealed" }, type: "bootstrap.kubernetes.io/token", stringData },
  });
  const headers = { "content-type": "application/json" };
  expect((await client.send("POST", SECRETS, { headers, body })).status).toBe(201);
  client.close();
  expect(gatehouse.log()).toContain("bootstrapTokens.keepSigningSecrets is set");
  expect(gatehouse.log()).not.toContain("sealedsealedseal");
  await gatehouse.stop();
  gatehouse = await startGatehouse({ configuration, dataDirectory: gatehouse.dataDirectory });
  const after = readKubeconfig(gatehouse.adminKubeconfig);
  const again = new HttpsClient(after.url, after.credentials);
  const answer = await again.send("GET", `${SECRETS}/bootstrap-token-sealed`);
  again.close();
  const shown = Buffer.from(JSON.parse(answer.body.toString("utf8")).data["token-secret"], "base64").toString();
  expect(shown).toBe("sealedsealedseal");
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  expect((await administrator.verifyLedger()).problems).toEqual([]);
  administrator.close();
});
