import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import {
  type ClusterConnection,
  connectCluster,
} from "../../../services/certificate-authority/kubernetes/cluster-connection.ts";
import { kubeconfigText } from "../../builders/kubeconfig.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../../builders/tls-identity.ts";

const LIMITS = { requestsPerSecond: 10_000, maximumConnections: 2 };

const directory = temporaryDirectory();
const kubeconfig = join(directory, "kubeconfig");
const identity = await buildTlsIdentity();
let server: Server;
let url: string;
let seen: { method: string; path: string; body: string; authorization: string | undefined; connection: number }[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let connection: ClusterConnection;

const useToken = (token: string): void => writeFileSync(kubeconfig, kubeconfigText(url, identity.caPem, { token }));

beforeAll(async () => {
  const { certificatePem, privateKeyPem } = identity.serving;
  server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
    const { method = "", url: path = "", headers, socket } = request;
    void text(request).then((body) => {
      seen.push({ method, path, body, authorization: headers.authorization, connection: socket.remotePort ?? 0 });
      answer(request, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen = [];
  answer = (_request, response) => response.end("{}");
  connection?.close();
  useToken("first");
  connection = connectCluster(kubeconfig, LIMITS);
});
afterAll(() => {
  connection.close();
  server.closeAllConnections();
  server.close();
});

function refuseWith(code: number, status: object | string, headers: Readonly<Record<string, string>> = {}): void {
  answer = (_request, response) => {
    response.writeHead(code, headers).end(typeof status === "string" ? status : JSON.stringify(status));
  };
}

test("a call carries the credentials and its body, also a deletion, and connections are kept", async () => {
  await connection.send("DELETE", "/apis/x/y?z=1", { kind: "DeleteOptions" });
  await connection.send("GET", "/after");
  expect(seen.map(({ method, path, body }) => [method, path, body])).toEqual([
    ["DELETE", "/apis/x/y?z=1", '{"kind":"DeleteOptions"}'],
    ["GET", "/after", ""],
  ]);
  expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer first"]));
  expect(new Set(seen.map((each) => each.connection)).size).toBe(1);
});

test.each([
  { name: "a Status", status: { reason: "Conflict", message: "modified" }, reason: "Conflict", says: "modified" },
  { name: "no JSON", status: "<html>", reason: "", says: "no Status" },
  { name: "other JSON", status: { message: 7 }, reason: "", says: "409" },
])("a refusal with $name is told by code and reason", async ({ status, reason, says }) => {
  refuseWith(409, status);
  const refused = connection.send("PUT", "/x", {});
  await expect(refused).rejects.toMatchObject({ name: "ClusterError", code: 409, reason });
  await expect(connection.send("PUT", "/x", {})).rejects.toThrow(says);
});

test("credentials that are refused are read again: they may have been renewed", async () => {
  await connection.send("GET", "/x");
  useToken("second");
  refuseWith(401, {});
  await expect(connection.send("GET", "/x")).rejects.toMatchObject({ code: 401 });
  answer = (_request, response) => response.end("{}");
  await connection.send("GET", "/x");
  expect(seen.map(({ authorization }) => authorization)).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
});

test("a token in a file beside the kubeconfig is shown, and read again when it is refused", async () => {
  writeFileSync(kubeconfig, kubeconfigText(url, identity.caPem, { tokenFile: "token" }));
  writeFileSync(join(directory, "token"), "first\n");
  const fromFile = connectCluster(kubeconfig, LIMITS);
  await fromFile.send("GET", "/x");
  writeFileSync(join(directory, "token"), "second\n");
  refuseWith(401, {});
  await expect(fromFile.send("GET", "/x")).rejects.toMatchObject({ code: 401 });
  answer = (_request, response) => response.end("{}");
  await fromFile.send("GET", "/x");
  expect(seen.map(({ authorization }) => authorization)).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
  fromFile.close();
});

test("when the API server says to wait, everybody does", async () => {
  refuseWith(429, {}, { "retry-after": "1" });
  await expect(connection.send("GET", "/x")).rejects.toMatchObject({ code: 429 });
  answer = (_request, response) => response.end("{}");
  const sent = connection.send("GET", "/y");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen.map(({ path }) => path)).toEqual(["/x"]);
  await sent;
  expect(seen.map(({ path }) => path)).toEqual(["/x", "/y"]);
});

test("whoever gives up while everybody waits is let go at once", async () => {
  refuseWith(429, {}, { "retry-after": "60" });
  await expect(connection.send("GET", "/x")).rejects.toMatchObject({ code: 429 });
  const stop = new AbortController();
  const sent = connection.send("GET", "/y", undefined, { signal: stop.signal });
  stop.abort(new Error("no answer within 2 s"));
  await expect(sent).rejects.toThrow("no answer within 2 s");
  expect(seen.map(({ path }) => path)).toEqual(["/x"]);
});

test("a watch gives its events one by one, whatever the pieces they come in, and ends when it is told to", async () => {
  answer = (_request, response) => {
    const lines = ["1", "2", "3"].map((type) => JSON.stringify({ type })).join("\n");
    response.write(lines.slice(0, 20));
    setTimeout(() => response.write(`${lines.slice(20)}\n`), 10);
  };
  const stop = new AbortController();
  const types: string[] = [];
  const following = (async () => {
    for await (const event of connection.watch("/x?watch=1", stop.signal)) {
      types.push((event as { type: string }).type);
      if (types.length === 3) stop.abort();
    }
  })();
  await following.catch(() => undefined);
  expect(types).toEqual(["1", "2", "3"]);
});

test.each([
  { name: "is not there", content: undefined, says: "cannot use the kubeconfig" },
  { name: "has no TLS", content: { server: "http://x" }, says: "https" },
  { name: "trusts anybody", content: { server: "https://x", "insecure-skip-tls-verify": true }, says: "insecure" },
])("a kubeconfig that $name is refused by name", ({ content, says }) => {
  const path = join(directory, `${says}.kubeconfig`);
  if (content !== undefined) {
    const config = JSON.parse(kubeconfigText("https://x", identity.caPem, {}));
    config.clusters[0].cluster = content;
    writeFileSync(path, JSON.stringify(config));
  }
  expect(() => connectCluster(path, LIMITS)).toThrow(says);
});
