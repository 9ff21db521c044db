import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const POLICY = join(import.meta.dirname, "../../config/audit/policy.yaml");

interface Event {
  readonly auditID: string;
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string };
  readonly objectRef?: { readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: unknown;
}

const opened: { remove(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.remove();
});

interface Audited {
  readonly server: GatehouseProcess;
  readonly log: string;
  readonly events: () => readonly Event[];
}

async function start(audit: object, dataDirectory = temporaryDirectory()): Promise<Audited> {
  const log = join(dataDirectory, "audit.log");
  const file = { path: log };
  const configuration = autoApproving({ audit: { policyFile: POLICY, file, ...audit } });
  const server = await startGatehouse({ configuration, dataDirectory });
  opened.push(server);
  return { server, log, events: () => eventsIn(log) };
}

/** The whole lines that are JSON, as every reader takes them. */
function eventsIn(path: string): readonly Event[] {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  return lines.filter((line) => line.startsWith("{") && line.endsWith("}")).map((line) => JSON.parse(line) as Event);
}

function clientOf(kubeconfig: string): HttpsClient {
  const { url, credentials } = readKubeconfig(kubeconfig);
  return new HttpsClient(url, credentials);
}

async function ask(client: HttpsClient, name: string): Promise<number> {
  const { requestBase64 } = buildCsr({ commonName: `system:node:${name}` });
  const signerName = "kubernetes.io/kube-apiserver-client-kubelet";
  const spec = { request: requestBase64, signerName, usages: ["digital signature", "client auth"] };
  const body = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec };
  const headers = { "content-type": "application/json", "audit-id": `id-of-${name}` };
  return (await client.send("POST", REQUESTS, { headers, body: JSON.stringify(body) })).status;
}

/** Until it holds: the server writes and signs in its own time. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("what was asked of the server is on the record, private and without secrets", async () => {
  const { server, log, events } = await start({});
  const administrator = new Administrator(server.adminKubeconfig);
  const bootstrap = clientOf(server.bootstrapKubeconfig);
  expect(await ask(bootstrap, "worker-1")).toBe(201);
  const { id, token } = await administrator.createToken({ ttlSeconds: 600 });
  await administrator.removeToken(id);
  const stranger = new HttpsClient(server.url, {
    caPem: readFileSync(server.caFile, "utf8"),
    token: "abcdef.0123456789abcdef",
  });
  expect((await stranger.send("GET", REQUESTS)).status).toBe(401);
  await until(() => events().some(({ responseStatus }) => responseStatus?.code === 401));
  for (const client of [administrator, bootstrap, stranger]) client.close();
  const told = events().map(({ verb, user, requestURI, objectRef, responseStatus }) => {
    const who = user.username?.replace(/^(system:bootstrap:).*/, "$1…");
    return `${who} ${verb} ${objectRef?.name ?? requestURI.replace(id, "ID")} ${responseStatus?.code}`;
  });
  expect(told).toEqual([
    "system:bootstrap:… create worker-1 201",
    "gatehouse-admin post /v1/bootstrap-tokens 201",
    "gatehouse-admin delete /v1/bootstrap-tokens/ID 200",
    `undefined list ${REQUESTS} 401`,
  ]);
  expect(events()[0]?.auditID).toBe("id-of-worker-1");
  expect(statSync(log).mode & 0o777).toBe(0o600);
  const text = readFileSync(log, "utf8");
  const bootstrapToken =
    readFileSync(server.bootstrapKubeconfig, "utf8").match(/[a-z0-9]{6}\.([a-z0-9]{16})/)?.[1] ?? "";
  for (const secret of [token.slice(7), bootstrapToken, "0123456789abcdef"]) expect(text).not.toContain(secret);
  expect(server.log()).toContain("requests are audited");
  const search = async (...args: string[]) => {
    const { stdout } = await runCommand(server.adminKubeconfig, ["audit", "search", "-o", "json", ...args]);
    return JSON.parse(stdout).items;
  };
  expect(await search("--resource", "token", "--verb", "removed")).toMatchObject([
    { user: "gatehouse-admin", name: id },
  ]);
  expect(await search("--name", "worker-1", "--verb", "issued")).toMatchObject([{ user: "gatehouse" }]);
  expect(await search("--file", log, "--name", "worker-1")).toMatchObject([{ auditID: "id-of-worker-1" }]);
});

test("killed at work, the server leaves a record that is read and goes on", async () => {
  const { server, log, events } = await start({ mode: "blocking" });
  const client = clientOf(server.bootstrapKubeconfig);
  const codes: number[] = [];
  const working = (async () => {
    for (let number = 0; ; number += 1) codes.push(await ask(client, `worker-${number}`));
  })().catch(() => undefined);
  await until(() => codes.length > 20);
  await server.stop("SIGKILL");
  await working;
  client.close();
  const recorded = new Set(events().map(({ auditID }) => auditID));
  for (const number of codes.keys()) expect(recorded).toContain(`id-of-worker-${number}`);
  writeFileSync(log, '{"kind":"Event","auditID":"torn', { flag: "a" });
  const again = await start({ mode: "blocking" }, server.dataDirectory);
  const more = clientOf(again.server.bootstrapKubeconfig);
  expect(await ask(more, "worker-after")).toBe(201);
  more.close();
  expect(again.events().some(({ auditID }) => auditID === "id-of-worker-after")).toBe(true);
});

test("blocking on a full disk: nothing is signed and nothing changes until it takes records, and nothing is lost", async () => {
  const { server, log, events } = await start({ mode: "blocking" });
  const administrator = new Administrator(server.adminKubeconfig);
  const client = clientOf(server.bootstrapKubeconfig);
  const hasCertificate = async (name: string) => (await administrator.request(name)).status.certificate !== undefined;
  expect(await ask(client, "before")).toBe(201);
  await until(() => hasCertificate("before"));

  renameSync(log, `${log}.kept`);
  symlinkSync("/dev/full", log);
  let tries = 0;
  await until(async () => (await ask(client, `probe-${++tries}`)) === 503);
  expect(await ask(client, "during")).toBe(503);
  await expect(administrator.approve("before")).rejects.toMatchObject({ status: { reason: "ServiceUnavailable" } });
  await expect(administrator.createToken({})).rejects.toMatchObject({ status: { reason: "ServiceUnavailable" } });
  expect((await administrator.requests()).map(({ metadata }) => metadata.name)).not.toContain("during");
  const signed = await administrator.certificates();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await administrator.certificates()).toEqual(signed);
  expect((await client.send("GET", "/readyz")).status).toBe(503);
  expect((await client.send("GET", "/livez")).status).toBe(200);

  renameSync(`${log}.kept`, log);
  await until(async () => (await client.send("GET", "/readyz")).status === 200);
  expect(await ask(client, "after")).toBe(201);
  await until(() => hasCertificate("after"));
  administrator.close();
  client.close();
  const ofName = (name: string) => events().filter(({ auditID }) => auditID === `id-of-${name}`);
  await until(() => ofName("after").length > 0);
  expect(ofName("before").map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseComplete"]);
  expect(ofName("during").at(-1)?.responseStatus?.code).toBe(503);
  expect(
    events().some(
      ({ requestURI, responseStatus }) => requestURI === "/v1/bootstrap-tokens" && responseStatus?.code === 503,
    ),
  ).toBe(true);
  expect(server.log()).toContain("nothing is signed and nothing may be changed until it does");
});

test("a server whose record cannot be written does not start with mode blocking", async () => {
  const dataDirectory = temporaryDirectory();
  symlinkSync("/dev/full", join(dataDirectory, "audit.log"));
  await expect(start({ mode: "blocking" }, dataDirectory)).rejects.toThrow("audit record");
});

test("a policy or a webhook that cannot be used is named, and nothing starts", async () => {
  const dataDirectory = temporaryDirectory();
  mkdirSync(join(dataDirectory, "sub"));
  writeFileSync(
    join(dataDirectory, "policy.yaml"),
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: All }]\n",
  );
  await expect(start({ policyFile: "policy.yaml" }, dataDirectory)).rejects.toThrow("rules[0].level");
  await expect(start({ webhook: { kubeconfigFile: "missing" } }, dataDirectory)).rejects.toThrow("missing");
});
