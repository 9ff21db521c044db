import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { createApiClient } from "../../services/cli/api-client.ts";
import { loadConnection } from "../../services/cli/kubeconfig.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { fakeTerminal } from "../cli/fixture.ts";
import { runCommand, startCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(120_000);

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const directory = temporaryDirectory();
let server: GatehouseProcess;

beforeAll(async () => {
  server = await startGatehouse();
});
afterAll(() => server.remove());

const gatehouse = (...args: string[]) => runCommand(server.adminKubeconfig, args);

/** Standard output of a command that must succeed. */
async function must(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await gatehouse(...args);
  if (code !== 0) throw new Error(`gatehouse ${args.join(" ")} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Asks for a kubelet's client certificate with the credentials of a kubeconfig. */
async function askAs(kubeconfig: string, name: string, node: string) {
  const { requestBase64 } = buildCsr({ commonName: `system:node:${node}` });
  const client = createApiClient(loadConnection({ kubeconfig }, fakeTerminal().terminal), {
    timeoutSeconds: 30,
    isExplicitTimeout: true,
  });
  const spec = {
    request: requestBase64,
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    usages: ["digital signature", "client auth"],
  };
  const body = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec };
  try {
    return await client.json<{ metadata: { name: string } }>({ method: "POST", path: REQUESTS, body });
  } finally {
    client.close();
  }
}

/** Asks until the answer fits: the server decides and signs in its own time. */
async function eventually(ask: () => Promise<string>, pattern: RegExp): Promise<string> {
  for (;;) {
    const answer = await ask();
    if (pattern.test(answer)) return answer;
  }
}

function saved(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test("version names both sides", async () => {
  const { client, server: served } = JSON.parse(await must("version", "-o", "json"));
  expect(client.nodeVersion).toBe(process.versions.node);
  expect(served.gitVersion).toContain(client.version);
});

test("from a token to a certificate that the exported CA verifies", async () => {
  const bootstrap = saved(
    "worker-1.kubeconfig",
    await must("token", "create", "--node", "worker-1", "--print-kubeconfig"),
  );
  await askAs(bootstrap, "csr-worker-1", "worker-1");
  expect(await must("csr", "list")).toMatch(/^csr-worker-1 .* Pending$/m);
  expect(await must("csr", "approve", "csr-worker-1", "--message", "seen in rack 4")).toBe("csr-worker-1 approved\n");
  const shown = await eventually(() => must("csr", "show", "csr-worker-1"), /Approved,Issued/);
  expect(shown).toContain("Approved=True  GatehouseApprove  seen in rack 4");
  expect(shown).toMatch(/^Decisions: [\s\S]*approved {2}by gatehouse-admin/m);

  const { items } = JSON.parse(await must("certificate", "list", "--node", "worker-1", "-o", "json"));
  expect(items).toMatchObject([
    { state: "valid", commonName: "system:node:worker-1", request: { name: "csr-worker-1" } },
  ]);
  const [{ serial, fingerprint }] = items;
  const issuer = new X509Certificate(await must("issuer", "export"));
  const leaf = new X509Certificate(await must("certificate", "show", fingerprint, "--pem"));
  expect(leaf.verify(issuer.publicKey)).toBe(true);
  expect(leaf.serialNumber.toLowerCase()).toBe(serial);
  expect(leaf.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(fingerprint);
  expect(await must("certificate", "show", leaf.fingerprint256)).toContain(`Serial:               ${serial}\n`);
  expect(
    await must(
      "certificate",
      "list",
      "--expires-within",
      "400d",
      "--signer",
      "kubernetes.io/kube-apiserver-client-kubelet",
    ),
  ).toContain(serial);
});

test("a token of one node does not get another node's certificate", async () => {
  const bootstrap = saved(
    "worker-2.kubeconfig",
    await must("token", "create", "--node", "worker-2", "--print-kubeconfig"),
  );
  const name = "csr-stolen";
  const answered = await askAs(bootstrap, name, "worker-3").then(
    () => "stored",
    (error: Error) => error.message,
  );
  // Either refused at the door or stored and then denied; never approved.
  if (answered === "stored") await eventually(() => must("csr", "show", name), /Denied/);
  else expect(answered).toContain("worker-2");
  expect(await must("certificate", "list", "--request", name)).toBe("");
});

test("a denied request stays denied", async () => {
  await askAs(server.bootstrapKubeconfig, "csr-denied", "worker-9");
  expect(await must("csr", "deny", "csr-denied", "--reason", "Unknown", "--message", "nobody knows it")).toBe(
    "csr-denied denied\n",
  );
  expect(await must("csr", "deny", "csr-denied")).toBe("csr-denied is denied already\n");
  const { code, stderr } = await gatehouse("csr", "approve", "csr-denied");
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "error: csr-denied is denied already, and a decision stands\nA new request can be decided anew.\n",
  });
});

test("csr list --watch shows a request as it comes and as it is decided", async () => {
  const watch = startCommand(server.adminKubeconfig, ["csr", "list", "--watch"]);
  let seen = "";
  watch.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    seen += chunk;
  });
  const showing = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(seen)) await once(watch.stdout, "data");
  };
  await showing(/^NAME /m);
  await askAs(server.bootstrapKubeconfig, "csr-watched", "worker-4");
  await showing(/^csr-watched .* Pending$/m);
  await must("csr", "approve", "csr-watched");
  await showing(/^csr-watched .* Approved,Issued$/m);
  watch.kill("SIGINT");
  await once(watch, "exit");
});

test("a deleted token no longer opens the door", async () => {
  const token = (await must("token", "create", "--description", "short")).trim();
  const list = await must("token", "list");
  expect(list).toMatch(new RegExp(`^${token.slice(0, 6)} .* short$`, "m"));
  expect(list).not.toContain(token);
  const kubeconfig = saved(
    "short.kubeconfig",
    readFileSync(server.bootstrapKubeconfig, "utf8").replace(/token: .*/, `token: ${token}`),
  );
  expect(await must("token", "delete", token)).toBe(`token ${token.slice(0, 6)} deleted\n`);
  const { code, stderr } = await runCommand(kubeconfig, ["csr", "list"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: Unauthorized\nThe server does not know the credentials of user "kubelet-bootstrap" in /,
  );
});

test("a bootstrap token may not look around", async () => {
  for (const args of [
    ["certificate", "list"],
    ["token", "list"],
    ["issuer", "list"],
    ["ledger", "verify"],
  ]) {
    const { code, stdout, stderr } = await runCommand(server.bootstrapKubeconfig, args);
    expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: .*(forbidden|Forbidden)/);
  }
});

test("issuer list names the active issuer", async () => {
  const { items } = JSON.parse(await must("issuer", "list", "-o", "json"));
  expect(items).toMatchObject([{ slot: "active", origin: "generated", keyAlgorithm: expect.stringContaining("p256") }]);
  expect(await must("issuer", "export", items[0].id)).toBe(readFileSync(server.caFile, "utf8"));
});

test("the ledger is backed up and verified, on the server and off it", async () => {
  const copy = join(directory, "copy.db");
  expect(await must("ledger", "backup", "--output", copy)).toMatch(
    /^\S+copy\.db: \d+\.\d MB, everything up to revision \d+\n$/,
  );
  expect(await must("ledger", "verify")).toMatch(/^Sound: +yes$/m);
  const verified = JSON.parse(await must("ledger", "verify", "--database", copy, "-o", "json"));
  expect(verified).toMatchObject({ problems: [] });
  expect(verified.certificates).toBeGreaterThanOrEqual(2);

  const junk = saved("junk.db", "this is no database");
  const refused = await gatehouse("ledger", "verify", "--database", junk);
  expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(/^error: cannot verify \S+junk\.db: /);
});

test("the command line's own mistakes end with 2", async () => {
  expect(await gatehouse("csr", "lst")).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: unknown command 'lst'\n(Did you mean list?)\nSee --help.\n",
  });
});

test("a reader that stops reading is no error", async () => {
  const child = startCommand(server.adminKubeconfig, ["csr", "list", "--help"]);
  child.stdout.destroy();
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});
