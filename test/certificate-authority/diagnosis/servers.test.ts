import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";
import { examine, lines } from "./examine.ts";

let identity: TlsIdentity;
let stranger: TlsIdentity;
beforeAll(async () => {
  [identity, stranger] = await Promise.all([buildTlsIdentity(), buildTlsIdentity()]);
});

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function portOf(server: Server): Promise<number> {
  open.push(server);
  server.on("connection", (socket) => socket.on("error", () => undefined).unref());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const tlsServer = ({ serving: { certificatePem: cert, privateKeyPem: key } }: TlsIdentity) =>
  portOf(createTlsServer({ cert, key }));

/** A data directory whose CA is that of `identity`. */
function trusting(): string {
  const dataDirectory = temporaryDirectory();
  writeFileSync(join(dataDirectory, "ca.crt"), identity.caPem);
  return dataDirectory;
}

const listening = (port: number, more: object = {}) => ({
  dataDirectory: trusting(),
  settings: { server: { listen: `127.0.0.1:${port}`, ...more } },
});

test("an address that is free, or held by a server of our CA, is well", async () => {
  const server = createServer();
  const port = await portOf(server);
  server.close();
  await once(server, "close");
  expect(lines(await examine("listening.addresses", listening(port)))).toEqual([
    `ok server.listen 127.0.0.1:${port}: free`,
  ]);
  const ours = await tlsServer(identity);
  expect(lines(await examine("listening.addresses", listening(ours)))).toEqual([
    `ok server.listen 127.0.0.1:${ours}: held by a server of this CA`,
  ]);
  expect(await examine("listening.addresses", listening(0))).toMatchObject([{ outcome: "ok" }]);
});

test("an address that somebody else holds is an error", async () => {
  expect(await examine("listening.addresses", listening(await tlsServer(stranger)))).toMatchObject([
    { outcome: "error", finding: "taken by a server of another CA" },
  ]);
  const plain = createServer((socket) => socket.end("220 mail\r\n"));
  const findings = await examine("listening.addresses", listening(await portOf(plain)));
  expect(findings).toMatchObject([{ outcome: "error", finding: "taken by something that does not speak TLS" }]);
});

test("an address of another machine, an unknown name, a privileged port", async () => {
  const about = (listen: string, system = {}) =>
    examine("listening.addresses", { settings: { server: { listen } }, system });
  expect(await about("192.0.2.1:9443")).toMatchObject([
    { outcome: "error", finding: "192.0.2.1 is no address of this machine" },
  ]);
  expect(await about("no-such-host.invalid:9443")).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("cannot be looked up") },
  ]);
  expect(await about("127.0.0.1:443", { uid: 1000 })).toMatchObject([{ outcome: "warning" }]);
});

test("a serving certificate must cover the names and last; every interface needs names", async () => {
  const port = await tlsServer(identity);
  const outcomes = async (more: object, clock?: SettableClock) =>
    lines(await examine("listening.names", { ...listening(port, more), ...(clock && { clock }) }));
  expect(await outcomes({})).toEqual([
    expect.stringContaining("warning serving certificate: expires"),
    "ok serving certificate: covers every name that is configured",
  ]);
  expect(await outcomes({ names: ["ca.example.com", "10.0.0.7"] })).toContainEqual(
    "error serving certificate: does not cover ca.example.com, 10.0.0.7",
  );
  expect(await outcomes({}, new SettableClock(new Date(Date.now() + 3 * 86_400_000)))).toContainEqual(
    expect.stringContaining("error serving certificate: expired"),
  );
  expect((await outcomes({ listen: `0.0.0.0:${port}` }))[0]).toMatch(
    /^warning server\.listen .*server\.names is empty/,
  );
});

test("what the running server says of itself", async () => {
  const answering = (status: number, body: string) => ({
    server: { url: "https://s:1", get: async () => ({ status, body, date: undefined }) },
  });
  expect(await examine("server.ready")).toMatchObject([{ outcome: "skipped" }]);
  expect(await examine("server.ready", answering(200, "ok"))).toMatchObject([{ outcome: "ok" }]);
  const body = "[+]ledger ok\n[-]kms-providers failed\n[-]audit failed\nnot ready\n";
  expect(lines(await examine("server.ready", answering(503, body)))).toEqual([
    "error https://s:1: its check kms-providers fails",
    "error https://s:1: its check audit fails",
  ]);
});

test("silence of a server is an error only when somebody named it", async () => {
  const server = {
    url: "https://s:1",
    get: async () => {
      throw new Error("cannot connect");
    },
  };
  expect(await examine("server.ready", { server, isNamed: true })).toMatchObject([{ outcome: "error" }]);
  expect(await examine("server.ready", { server, isNamed: false })).toMatchObject([{ outcome: "skipped" }]);
  expect(await examine("clock.server", { server })).toMatchObject([{ outcome: "skipped" }]);
});

test("a check that takes too long is ended and told", async () => {
  const server = { url: "https://s:1", get: () => new Promise<never>(() => undefined) };
  expect(await examine("server.ready", { server, timeoutSeconds: 0.05 })).toMatchObject([
    { outcome: "error", finding: "did not end within 0.05 s", wayOut: "give it longer with --timeout" },
  ]);
});

function webhookKubeconfig(port: number, caPem: string): string {
  const path = join(temporaryDirectory(), "webhook.kubeconfig");
  const data = Buffer.from(caPem).toString("base64");
  const server = `https://127.0.0.1:${port}/`;
  writeFileSync(
    path,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": data } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "" } }],
      "current-context": "c",
    }),
    { mode: 0o600 },
  );
  return path;
}

test("webhooks: reached and trusted, of another CA, away, no file", async () => {
  const port = await tlsServer(identity);
  const about = (kubeconfigFile: string) =>
    examine("authorization.webhooks", {
      settings: { authorization: [{ type: "Webhook", name: "policy", kubeconfigFile, failurePolicy: "Deny" }] },
    });
  expect(await examine("authorization.webhooks")).toMatchObject([{ outcome: "ok" }]);
  expect(await about(webhookKubeconfig(port, identity.caPem))).toMatchObject([{ outcome: "ok" }]);
  expect(await about(webhookKubeconfig(port, stranger.caPem))).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("not trusted") },
  ]);
  expect(await about(webhookKubeconfig(1, identity.caPem))).toMatchObject([
    { outcome: "error", finding: "cannot be reached: ECONNREFUSED" },
  ]);
  expect(await about("/nowhere.kubeconfig")).toMatchObject([{ outcome: "error" }]);
});

test("a kubeconfig that is no YAML is told by its place, without the token on that line", async () => {
  const path = join(temporaryDirectory(), "broken.kubeconfig");
  writeFileSync(path, "users:\n- name: u\n  user: { token: very-secret-token: }}\n", { mode: 0o600 });
  const settings = { authorization: [{ type: "Webhook", name: "p", kubeconfigFile: path, failurePolicy: "Deny" }] };
  const findings = await examine("authorization.webhooks", { settings });
  expect(findings).toMatchObject([
    { outcome: "error", finding: expect.stringMatching(/not valid YAML \(.* at line 3/) },
  ]);
  expect(JSON.stringify(findings)).not.toContain("very-secret");
});

test("audit: nothing configured, a sound record, a policy that is wrong or silent, a place that cannot be written", async () => {
  const directory = temporaryDirectory();
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const policy = (level: string) => `{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{ level: ${level} }] }`;
  const audit = (policyFile: string, path: string, more = {}) => ({
    settings: { audit: { policyFile, file: { path, maxBackups: 3 }, ...more } },
  });
  const sound = audit(file("policy.yaml", policy("Metadata")), join(directory, "log", "audit.log"));
  expect(await examine("audit")).toMatchObject([{ outcome: "skipped" }, { outcome: "skipped" }]);
  expect(await examine("audit", sound)).toMatchObject([{ outcome: "ok" }, { outcome: "ok" }]);
  const wrong = audit(file("wrong.yaml", policy("Everything")), join(directory, "audit.log"));
  expect(await examine("audit.policy", wrong)).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("rules[0].level") },
  ]);
  const silent = audit(file("silent.yaml", policy("None")), join(directory, "audit.log"));
  expect(await examine("audit.policy", silent)).toMatchObject([{ outcome: "warning" }]);
  mkdirSync(join(directory, "taken"));
  expect(await examine("audit.sinks", audit("p", join(directory, "taken")))).toMatchObject([{ outcome: "error" }]);
  const system = { freeBytes: async () => 1024 };
  expect(await examine("audit.sinks", { ...sound, system })).toMatchObject([{ outcome: "warning" }]);
  const kept = { settings: { audit: { policyFile: "p", file: { path: join(directory, "audit.log") } } } };
  expect(await examine("audit.sinks", kept)).toMatchObject([
    { outcome: "ok" },
    { outcome: "warning", finding: "files put aside are kept for ever" },
  ]);
});
