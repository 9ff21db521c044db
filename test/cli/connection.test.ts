import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../builders/tls-identity.ts";
import {
  type Answer,
  gatehouse,
  kubeconfigText,
  sendJson,
  sendStatus,
  startServer,
  type TestServer,
  TOKEN,
} from "./fixture.ts";

let identity: TlsIdentity;
let server: TestServer;
let answer: Answer = () => {};
const ok: Answer = (_, response) => sendJson(response, { gitVersion: "v9" });

beforeAll(async () => {
  identity = await buildTlsIdentity();
  server = await startServer(identity, (seen, response) => answer(seen, response));
});
afterAll(() => server.close());
afterEach(() => {
  answer = ok;
  server.seen.length = 0;
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function kubeconfig(parts: Parameters<typeof kubeconfigText>[0]): string {
  const path = join(temporaryDirectory(), "kubeconfig");
  writeFileSync(path, kubeconfigText({ server: server.url, caPem: identity.caPem, ...parts }));
  return path;
}

/** Any command that makes one GET would do. */
const list = (path: string, ...more: string[]) => gatehouse(["issuer", "list", "--kubeconfig", path, ...more]);

test("a token is sent as a bearer, with who we are and what we accept", async () => {
  answer = (_, response) => sendJson(response, { items: [] });
  const { code } = await list(server.kubeconfig, "-o", "json");
  expect(code).toBe(0);
  const [seen] = server.seen;
  expect(seen).toMatchObject({ method: "GET", url: "/v1/issuers", clientName: undefined, body: "" });
  expect(seen?.headers).toMatchObject({
    authorization: `Bearer ${TOKEN}`,
    accept: "application/json",
    "user-agent": "gatehouse-cli",
  });
});

test("a client certificate is presented, without a token", async () => {
  answer = (_, response) => sendJson(response, { items: [] });
  const { certificatePem, privateKeyPem } = identity.client;
  const user = { "client-certificate-data": base64(certificatePem), "client-key-data": base64(privateKeyPem) };
  const { code } = await list(kubeconfig({ user }), "-o", "json");
  expect(code).toBe(0);
  expect(server.seen[0]?.clientName).toBe("client");
  expect(server.seen[0]?.headers.authorization).toBeUndefined();
});

test("a path in the server's URL comes before ours", async () => {
  answer = (_, response) => sendJson(response, { items: [] });
  await list(kubeconfig({ server: `${server.url}/prefix/` }), "-o", "json");
  expect(server.seen[0]?.url).toBe("/prefix/v1/issuers");
});

const NOT_FOUND = { code: 404, reason: "NotFound", message: "no issuer here" };

test.each([
  {
    code: 401,
    reason: "Unauthorized",
    message: "Unauthorized",
    hint: 'The server does not know the credentials of user "tester" in FILE: they may have expired. Use another --kubeconfig or --context.\n',
  },
  {
    code: 403,
    reason: "Forbidden",
    message: "forbidden: User may not",
    hint: 'User "tester" of FILE may not do this. Use another --kubeconfig or --context.\n',
  },
  { ...NOT_FOUND, hint: "" },
  {
    code: 429,
    reason: "TooManyRequests",
    message: "slow down",
    details: { retryAfterSeconds: 7 },
    hint: "Try again in 7 s.\n",
  },
  { code: 500, reason: "InternalError", message: "internal \u001b[2J error", hint: "" },
])("an answer of $code is told in words", async ({ code, reason, message, details, hint }) => {
  answer = (_, response) => sendStatus(response, code, reason, message, details);
  const outcome = await list(server.kubeconfig);
  const shown = message.replace("\u001b", "\\u001b");
  expect(outcome.code).toBe(1);
  expect(outcome.stdout).toBe("");
  expect(outcome.stderr.replaceAll(server.kubeconfig, "FILE")).toBe(`error: ${shown}\n${hint}`);
});

test("an error that is no Status asks whether it is the right server", async () => {
  answer = (_, response) => void response.writeHead(404).end("<html>");
  const { code, stderr } = await list(server.kubeconfig);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `error: ${new URL(server.url).host} answered 404 for /v1/issuers\nIs ${server.url} a Gatehouse server? It is the address in ${server.kubeconfig}.\n`,
  );
});

test("an answer that is no JSON is told in words", async () => {
  answer = (_, response) => void response.end("<html>");
  const { code, stderr } = await list(server.kubeconfig);
  expect(code).toBe(1);
  expect(stderr).toBe(`error: ${server.url} did not answer /v1/issuers with JSON\nIs it a Gatehouse server?\n`);
});

test("a port where nothing listens", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const path = kubeconfig({ server: `https://127.0.0.1:${port}` });
  const { code, stderr } = await list(path);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `error: cannot connect to https://127.0.0.1:${port}: nothing listens there\nIs the server running? The address comes from context "test" of ${path}.\n`,
  );
});

test.each([
  {
    name: "another CA",
    cluster: () => ({ "certificate-authority-data": base64(identity.renewedServing.certificatePem) }),
    message: "it is signed by a CA that is not trusted",
  },
  { name: "another name", cluster: () => ({ "tls-server-name": "example.org" }), message: "it is for another name" },
])("a server certificate of $name is not trusted", async ({ cluster, message }) => {
  const path = kubeconfig({ cluster: cluster() });
  const { code, stderr } = await list(path);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `error: cannot trust the certificate of ${server.url}: ${message}\nWas this kubeconfig made for this server? The address comes from context "test" of ${path}.\n`,
  );
  expect(server.seen).toEqual([]);
});

test("skipping verification works and says so every time", async () => {
  answer = (_, response) => sendJson(response, { items: [] });
  const path = join(temporaryDirectory(), "kubeconfig");
  writeFileSync(path, kubeconfigText({ server: server.url, cluster: { "insecure-skip-tls-verify": true } }));
  const { code, stderr } = await list(path, "-o", "json");
  expect(code).toBe(0);
  expect(stderr).toBe(`warning: the certificate of ${server.url} is not verified, as ${path} says\n`);
});

test("a client certificate that is none is told without its content", async () => {
  const user = { "client-certificate-data": base64("SECRET-CRT"), "client-key-data": base64("SECRET-KEY") };
  const path = kubeconfig({ user });
  const { code, stderr } = await list(path);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    new RegExp(`^error: TLS with ${server.url} failed: ERR_\\w+\nCheck the certificate, key and CA in ${path}.\n$`),
  );
});

test("a server that does not answer in time", async () => {
  answer = () => new Promise(() => {});
  const { code, stderr } = await list(server.kubeconfig, "--request-timeout", "1s");
  expect(code).toBe(1);
  expect(stderr).toBe(`error: ${server.url} did not answer within 1 s\nGive it longer with --request-timeout.\n`);
});

test("a server that stops in the middle of an answer is late, too", async () => {
  answer = (_, response) => void response.write('{"items"');
  const { code, stderr } = await list(server.kubeconfig, "--request-timeout", "1s");
  expect(code).toBe(1);
  expect(stderr).toBe(`error: ${server.url} did not answer within 1 s\nGive it longer with --request-timeout.\n`);
});

test("no message holds the token", async () => {
  const outcomes = [];
  for (const code of [401, 403, 404, 500]) {
    answer = (_, response) => sendStatus(response, code, "Any", "any");
    outcomes.push(await list(server.kubeconfig));
  }
  expect(JSON.stringify(outcomes)).not.toContain(TOKEN);
});
