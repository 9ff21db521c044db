import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { createApiClient } from "../../services/cli/api-client.ts";
import { loadConnection } from "../../services/cli/kubeconfig.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { fakeTerminal } from "../cli/fixture.ts";
import { autoApproving } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(180_000);

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const DAY = 86_400;
const directory = temporaryDirectory();
const SHORT = {
  policy: { rules: [{ name: "short", deny: `request.expirationSeconds > ${DAY}`, message: "too long" }] },
};
const LIVE = autoApproving({ approval: { hooks: [SHORT, { manual: {} }, { "kubelet-client": {} }] } });

let server: GatehouseProcess;

beforeAll(async () => {
  server = await startGatehouse({ configuration: LIVE });
});
afterAll(() => server.remove());

const gatehouse = (...args: string[]) => runCommand(server.adminKubeconfig, args);

async function must(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await gatehouse(...args);
  if (code !== 0) throw new Error(`gatehouse ${args.join(" ")} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

function saved(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function clientOf(kubeconfig: string) {
  const options = { timeoutSeconds: 30, isExplicitTimeout: true };
  return createApiClient(loadConnection({ kubeconfig }, fakeTerminal().terminal), options);
}

function manifest(name: string, node: string, expirationSeconds: number) {
  const { requestBase64: request } = buildCsr({ commonName: `system:node:${node}` });
  const spec = { request, signerName: CLIENT, usages: ["digital signature", "client auth"], expirationSeconds };
  return { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec };
}

async function ask(name: string, node: string, expirationSeconds: number): Promise<void> {
  const client = clientOf(server.bootstrapKubeconfig);
  try {
    await client.json({ method: "POST", path: REQUESTS, body: manifest(name, node, expirationSeconds) });
  } finally {
    client.close();
  }
}

async function remove(name: string): Promise<void> {
  const client = clientOf(server.adminKubeconfig);
  try {
    await client.json({ method: "DELETE", path: `${REQUESTS}/${name}` });
  } finally {
    client.close();
  }
}

const replay = async (configuration: string, ...args: string[]) =>
  JSON.parse(await must("policy", "replay", "--config", configuration, "--since", "1d", "-o", "json", ...args));

function chain(name: string, ...hooks: object[]): string {
  return saved(name, autoApproving({ approval: { hooks } }));
}

test("an administrator sees why, and what would change it", async () => {
  await ask("long", "worker-1", 30 * DAY);
  const text = await must("csr", "explain", "long");
  expect(text).toMatch(/^Outcome: +denied$/m);
  expect(text).toMatch(/^policy +denied +\S+ +too long$/m);
  expect(text).toContain("approved if policy did not deny it");
  await ask("short", "worker-2", DAY);
  expect(await must("csr", "explain", "short")).toContain("pending if kubelet-client did not approve it");
});

test("the requester reads its own decision without what it rests on; another token is refused", async () => {
  const own = await runCommand(server.bootstrapKubeconfig, ["csr", "explain", "long", "-o", "json"]);
  expect(own.stderr).toBe("");
  const decision = JSON.parse(own.stdout);
  expect(decision).toMatchObject({ outcome: "denied", message: "too long", redacted: true });
  expect(decision.trace.map(({ hook }: { hook: string }) => hook)).toContain("policy");
  expect(decision.trace.every(({ evidence }: { evidence: object }) => Object.keys(evidence).length === 0)).toBe(true);
  const other = saved("other.kubeconfig", await must("token", "create", "--print-kubeconfig"));
  for (const name of ["long", "never-was"]) {
    const refused = await runCommand(other, ["csr", "explain", name]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(`cannot get path "/v1/requests/${name}/decision"`);
  }
});

test("what was decided on everybody is for administrators", async () => {
  const own = chain("own.yaml", { manual: {} });
  const refused = await runCommand(server.bootstrapKubeconfig, ["policy", "replay", "--config", own]);
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toContain('cannot get path "/v1/recorded-requests"');
});

test("a request that is not made is decided as if it were, and leaves no trace", async () => {
  const before = JSON.parse(await must("ledger", "verify", "-o", "json"));
  const file = saved("rehearsal.yaml", JSON.stringify(manifest("rehearsal", "worker-9", DAY)));
  const as = ["--as", "system:bootstrap:abcdef", "--as-group", "system:bootstrappers"];
  const asToken = JSON.parse(await must("csr", "explain", "-f", file, ...as, "-o", "json"));
  expect(asToken).toMatchObject({ outcome: "approved", hook: "kubelet-client", rehearsal: true });
  const { pem } = buildCsr({ commonName: "system:node:worker-9" });
  const byPem = ["-f", saved("a.csr", pem), "--signer", CLIENT, "--lifetime", "30d"];
  expect(await must("csr", "explain", ...byPem, ...as)).toMatch(/^Outcome: +denied \(nothing was stored\)$/m);
  const { revision, decisions, auditEntries } = JSON.parse(await must("ledger", "verify", "-o", "json"));
  expect({ revision, decisions, auditEntries }).toEqual({
    ...{ revision: before.revision, decisions: before.decisions, auditEntries: before.auditEntries },
  });
  const refused = await runCommand(server.bootstrapKubeconfig, ["csr", "explain", "-f", file]);
  expect(refused.stderr).toContain('cannot post path "/v1/explain"');
});

test("what was deleted is decided again after a restart: by the same chain as before, by another as it says", async () => {
  await remove("long");
  await remove("short");
  await ask("last", "worker-3", DAY);
  await server.stop();
  server = await startGatehouse({ configuration: LIVE, dataDirectory: server.dataDirectory });
  const same = chain("same.yaml", SHORT, { manual: {} }, { "kubelet-client": {} });
  expect(await replay(same)).toMatchObject({ recorded: 3, unchanged: 3, changed: 0, undetermined: 0, lost: 0 });
  const stricter = chain("stricter.yaml", SHORT, { manual: { required: true } }, { "kubelet-client": {} });
  const report = await replay(stricter);
  expect(report).toMatchObject({ unchanged: 1, changed: 2, changes: [{ from: "approved", to: "pending", count: 2 }] });
  const laxer = chain("laxer.yaml", { manual: {} }, { "kubelet-client": {} });
  expect(await replay(laxer)).toMatchObject({ unchanged: 2, undetermined: 1, unknown: [{ hook: "kubelet-client" }] });
  expect((await gatehouse("policy", "replay", "--config", stricter, "--exit-code")).code).toBe(3);
});

test("a ledger in use and a backup tell the same, nothing is left beside them, and the ledger stays sound", async () => {
  const same = join(directory, "same.yaml");
  const online = await replay(same);
  const live = join(server.dataDirectory, "gatehouse.db");
  const { since: _then, ...inUse } = await replay(same, "--database", live);
  expect(online).toMatchObject(inUse);
  const backup = join(directory, "backup.db");
  await must("ledger", "backup", "--output", backup);
  const { since: _later, ...atRest } = await replay(same, "--database", backup);
  expect(atRest).toEqual(inUse);
  expect(readdirSync(directory).filter((name) => name.startsWith("backup"))).toEqual(["backup.db"]);
  expect(await must("ledger", "verify")).toMatch(/^Sound: +yes$/m);
  expect(await must("ledger", "verify", "--database", backup)).toMatch(/^Sound: +yes$/m);
});
