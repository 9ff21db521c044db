import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { RejectedEventsError } from "../../../../services/certificate-authority/access/audit/sink.ts";
import { createWebhookSink } from "../../../../services/certificate-authority/access/audit/webhook-sink.ts";
import { readWebhookKubeconfig } from "../../../../services/shared/kubernetes/webhook-kubeconfig.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";

interface Seen {
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly client: string | undefined;
  readonly body: { readonly kind: string; readonly apiVersion: string; readonly items: readonly unknown[] };
}

const directory = mkdtempSync(join(tmpdir(), "gatehouse-webhook-"));
const seen: Seen[] = [];
let identity: TlsIdentity;
let server: Server;
let url: string;
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  identity = await buildTlsIdentity();
  const { certificatePem: cert, privateKeyPem: key } = identity.serving;
  const options = { cert, key, ca: identity.caPem, requestCert: true, rejectUnauthorized: false };
  server = createServer(options, (request, response) => void receive(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  seen.length = 0;
  answer = (response) => response.end();
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});
answer = (response) => response.end();

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const socket = request.socket as TLSSocket;
  const client = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined;
  seen.push({ url: request.url, headers: request.headers, client, body: JSON.parse(await text(request)) });
  answer(response);
}

const base64 = (pem: string): string => Buffer.from(pem).toString("base64");

function kubeconfig(parts: { readonly cluster?: object; readonly user?: object; readonly top?: object } = {}): string {
  const path = join(directory, "webhook.kubeconfig");
  const cluster = {
    server: `${url}/events?a=b`,
    "certificate-authority-data": base64(identity.caPem),
    ...parts.cluster,
  };
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "webhook" },
    clusters: [{ name: "receiver", cluster }],
    users: [{ name: "gatehouse", user: parts.user ?? {} }],
    contexts: [{ name: "webhook", context: { cluster: "receiver", user: "gatehouse" } }],
    ...parts.top,
  };
  writeFileSync(path, stringify(config));
  return path;
}

function open(parts: Parameters<typeof kubeconfig>[0] = {}, timeoutSeconds = 5) {
  return createWebhookSink({ connection: readWebhookKubeconfig(kubeconfig(parts)), timeoutSeconds });
}

test("a batch is an EventList at the URL of the kubeconfig's cluster", async () => {
  const sink = open({ user: { token: "s3cret" } });
  await sink.write(['{"auditID":"1"}', '{"auditID":"2"}']);
  await sink.write([]);
  await sink.close();
  expect(seen.map(({ body }) => body)).toEqual([
    { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items: [{ auditID: "1" }, { auditID: "2" }] },
    { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items: [] },
  ]);
  expect(seen[0]).toMatchObject({
    url: "/events?a=b",
    headers: { authorization: "Bearer s3cret", "content-type": "application/json" },
    client: undefined,
  });
});

test("a client certificate is shown, a token file is read each time", async () => {
  const { certificatePem, privateKeyPem } = identity.client;
  writeFileSync(join(directory, "token"), "one\n");
  const data = { "client-certificate-data": base64(certificatePem), "client-key-data": base64(privateKeyPem) };
  const sink = open({ user: { ...data, tokenFile: "token" } });
  await sink.write(["{}"]);
  writeFileSync(join(directory, "token"), "two\n");
  await sink.write(["{}"]);
  await sink.close();
  expect(seen.map(({ client, headers }) => [client, headers.authorization])).toEqual([
    ["client", "Bearer one"],
    ["client", "Bearer two"],
  ]);
});

test.each([
  { code: 200, fails: undefined },
  { code: 204, fails: undefined },
  { code: 301, fails: Error },
  { code: 400, fails: RejectedEventsError },
  { code: 401, fails: Error },
  { code: 404, fails: Error },
  { code: 413, fails: RejectedEventsError },
  { code: 422, fails: RejectedEventsError },
  { code: 429, fails: Error },
  { code: 500, fails: Error },
  { code: 503, fails: Error },
])("an answer of $code", async ({ code, fails }) => {
  answer = (response) => response.writeHead(code).end("whatever");
  const sink = open();
  const outcome = await sink.write(["{}"]).catch((error: Error) => error);
  await sink.close();
  expect((outcome as Error | undefined)?.constructor).toBe(fails);
});

test("a receiver that does not answer in time, or breaks off, has not kept anything", async () => {
  answer = () => undefined;
  const slow = open({}, 0.05);
  await expect(slow.write(["{}"])).rejects.toThrow();
  await slow.close();
  answer = (response) => response.destroy();
  const broken = open();
  await expect(broken.write(["{}"])).rejects.toThrow();
  answer = (response) => response.end();
  await expect(broken.write(["{}"])).resolves.toBeUndefined();
  await broken.close();
});

test("a receiver that is down, or somebody else, gets nothing", async () => {
  const down = open({ cluster: { server: "https://127.0.0.1:1" } });
  await expect(down.write(["{}"])).rejects.toThrow("ECONNREFUSED");
  const other = await buildTlsIdentity();
  const stranger = open({ cluster: { "certificate-authority-data": base64(other.caPem) } });
  await expect(stranger.write(["{}"])).rejects.toThrow(/certificate|signature/);
  const misnamed = open({ cluster: { "tls-server-name": "audit.example" } });
  await expect(misnamed.write(["{}"])).rejects.toThrow("audit.example");
  await Promise.all([down.close(), stranger.close(), misnamed.close()]);
  expect(seen).toEqual([]);
});

test.each([
  { name: "http", parts: { cluster: { server: "http://127.0.0.1:1" } }, says: "is not https" },
  { name: "no URL", parts: { cluster: { server: "nowhere" } }, says: "is no URL" },
  {
    name: "no verification",
    parts: { cluster: { "insecure-skip-tls-verify": true } },
    says: "insecure-skip-tls-verify",
  },
  { name: "a proxy", parts: { cluster: { "proxy-url": "http://proxy" } }, says: "proxy-url" },
  { name: "an unknown context", parts: { top: { "current-context": "x" } }, says: 'no context "x"' },
  { name: "an unknown cluster", parts: { top: { clusters: [] } }, says: 'no cluster "receiver"' },
  { name: "an unknown user", parts: { top: { users: [] } }, says: 'no user "' },
  { name: "a key without its certificate", parts: { user: { "client-key-data": "eA==" } }, says: "together" },
  { name: "a missing file", parts: { user: { tokenFile: "missing" } }, says: "missing" },
  { name: "a program", parts: { user: { exec: { command: "x" } } }, says: "exec" },
  { name: "no kubeconfig", parts: { top: { contexts: "x" } }, says: "contexts" },
])("refused: $name", ({ parts, says }) => {
  expect(() => readWebhookKubeconfig(kubeconfig(parts))).toThrow(says);
  expect(() => readWebhookKubeconfig(kubeconfig(parts))).toThrow("webhook.kubeconfig");
});
