import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, expect, test } from "@jest/globals";
import type { Route } from "../../../services/certificate-authority/http/call.ts";
import {
  type Credentials,
  createEdge,
  type EdgeDependencies,
} from "../../../services/certificate-authority/http/edge.ts";
import {
  createApp,
  createHttpsServer,
  dispatchAhead,
  listen,
  replaceServingCertificate,
  shutDown,
} from "../../../services/certificate-authority/http/server.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { ADMINISTRATOR, edgeDependencies } from "../../builders/edge.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";

type Server = ReturnType<typeof createHttpsServer>;

const hello: Route = { method: "GET", path: "/hello", handler: ({ response }) => void response.end("hello") };
const open: Server[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => shutDown(server, 0)));
});

async function start(routes: readonly Route[], identity: TlsIdentity, overrides: Partial<EdgeDependencies> = {}) {
  const edge = createEdge(edgeDependencies(overrides));
  const hot = edge.listener(({ response }) => void response.end("hot"));
  const listener = dispatchAhead(createApp(edge, routes), hot, ({ url }) => url === "/hot");
  const server = createHttpsServer(
    { serving: identity.serving, clientCaPem: identity.caPem, requestClientCertificate: true, maxConnections: 100 },
    listener,
  );
  open.push(server);
  const { port } = await listen(server, "127.0.0.1:0");
  return { server, port };
}

async function waitFor(isThere: () => boolean): Promise<void> {
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function get(port: number, path: string, options: object): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path, agent: new Agent(), ...options }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    call.on("error", reject);
    call.end();
  });
}

test("hot paths and Express routes answer over TLS", async () => {
  const identity = await buildTlsIdentity();
  const { port } = await start([hello], identity);
  expect(await get(port, "/hello", { ca: identity.caPem })).toEqual({ status: 200, text: "hello" });
  expect(await get(port, "/hot", { ca: identity.caPem })).toEqual({ status: 200, text: "hot" });
});

test("only a certificate of the client CA reaches authentication", async () => {
  const identity = await buildTlsIdentity();
  const stranger = await buildTlsIdentity();
  const seen: Credentials[] = [];
  const authenticate = async (credentials: Credentials) => {
    seen.push(credentials);
    return { user: ADMINISTRATOR, authenticated: ADMINISTRATOR };
  };
  const { port } = await start([hello], identity, { authenticate });
  await get(port, "/hello", {
    ca: identity.caPem,
    cert: identity.client.certificatePem,
    key: identity.client.privateKeyPem,
  });
  await get(port, "/hello", {
    ca: identity.caPem,
    cert: stranger.client.certificatePem,
    key: stranger.client.privateKeyPem,
  });
  await get(port, "/hello", { ca: identity.caPem });
  expect(seen.map(({ clientCertificateDer }) => clientCertificateDer && Buffer.from(clientCertificateDer))).toEqual([
    identity.client.certificateDer,
    undefined,
    undefined,
  ]);
});

test("an HTTP/2 client is not offered h2 and does not hurt the server", async () => {
  const identity = await buildTlsIdentity();
  const { port } = await start([hello], identity);
  const client = connectHttp2(`https://127.0.0.1:${port}`, { ca: identity.caPem });
  const { code } = await new Promise<NodeJS.ErrnoException>((resolve) => client.once("error", resolve));
  expect(code).toMatch(/^ERR_(HTTP2|SSL)/);
  client.destroy();
  expect((await get(port, "/hello", { ca: identity.caPem })).text).toBe("hello");
});

test("TLS below 1.2 is refused", async () => {
  const identity = await buildTlsIdentity();
  const { port } = await start([hello], identity);
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ca: identity.caPem,
    minVersion: "TLSv1.1",
    maxVersion: "TLSv1.1",
  });
  const { code } = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once("error", resolve));
  expect(code).toMatch(/^ERR_SSL|ECONNRESET/);
});

test("the serving certificate comes with its issuer's, whichever CAs clients are verified by", async () => {
  const identity = await buildTlsIdentity();
  const clients = await buildTlsIdentity();
  const server = createHttpsServer(
    { serving: identity.serving, clientCaPem: clients.caPem, requestClientCertificate: true, maxConnections: 100 },
    (_request, response) => void response.end(),
  );
  open.push(server);
  const { port } = await listen(server, "127.0.0.1:0");
  const socket = await connected(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
  expect(socket.getPeerX509Certificate()?.issuerCertificate?.toString()).toBe(identity.caPem);
  socket.destroy();
});

test("a renewed serving certificate is used by new connections and breaks no old one", async () => {
  const identity = await buildTlsIdentity();
  const { server, port } = await start([hello], identity);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect((await get(port, "/hello", { ca: identity.caPem, agent })).status).toBe(200);
  replaceServingCertificate(server, { serving: identity.renewedServing, clientCaPem: identity.caPem });
  expect((await get(port, "/hello", { ca: identity.caPem, agent })).status).toBe(200);
  agent.destroy();
  const socket = await connected(connectTls({ port, host: "127.0.0.1", ca: identity.caPem }));
  expect(socket.getPeerX509Certificate()?.fingerprint256).toBe(identity.renewedFingerprint256);
  socket.destroy();
});

function connected(socket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}

test("a connection may be silent during a watch, not before or after it", async () => {
  const identity = await buildTlsIdentity();
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const timeouts: (number | undefined)[] = [];
  const watch: Route = {
    method: "GET",
    path,
    handler: ({ request: { socket }, response }) => {
      timeouts.push(socket.timeout);
      response.once("close", () => timeouts.push(socket.timeout));
      response.end();
    },
  };
  const { port } = await start([watch], identity);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await get(port, `${path}?watch=true`, { ca: identity.caPem, agent });
  await get(port, path, { ca: identity.caPem, agent });
  agent.destroy();
  expect(timeouts.slice(0, 3)).toEqual([0, 120_000, 120_000]);
});

test.each([
  { name: "in a watch is dropped", request: "?watch=true", isWatching: true, isInForm: false },
  { name: "after a watch is closed in form", request: "?watch=true", isWatching: false, isInForm: true },
  { name: "after anything else is closed in form", request: "", isWatching: false, isInForm: true },
])("a connection whose client hangs up $name", async ({ request: query, isWatching, isInForm }) => {
  const identity = await buildTlsIdentity();
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  let serverSide: Duplex | undefined;
  const route: Route = {
    method: "GET",
    path,
    handler: ({ request: { socket }, response }) => {
      serverSide = socket;
      if (isWatching) response.write("an event");
      else response.end("all");
    },
  };
  const { port } = await start([route], identity);
  const socket = await connected(connectTls({ port, host: "127.0.0.1", ca: identity.caPem }));
  socket.write(`GET ${path}${query} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await once(socket, "data");
  socket.end();
  await waitFor(() => serverSide?.closed === true);
  expect(serverSide?.writableFinished).toBe(isInForm);
});

test("a connection survives refused bodies, and bodies one behind the other", async () => {
  const identity = await buildTlsIdentity();
  const judge: Route = {
    method: "POST",
    path: "/judge",
    handler: async ({ response, readBody }) => {
      const text = (await readBody()).toString();
      if (text === "bad") throw new StatusError("BadRequest", "bad");
      response.end(text);
    },
  };
  const { port } = await start([judge], identity);
  const socket = await connected(connectTls({ port, host: "127.0.0.1", ca: identity.caPem }));
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  const post = (body: string): string =>
    `POST /judge HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  socket.write(post("bad"));
  await waitFor(() => received.includes('"code":400'));
  socket.write(post("first") + post("second"));
  await waitFor(() => received.includes("first") && received.includes("second"));
  socket.destroy();
  expect(received.toLowerCase()).not.toContain("connection: close");
});

test("shutting down lets a request in flight end", async () => {
  const identity = await buildTlsIdentity();
  let release = (): void => {};
  const slow: Route = {
    method: "GET",
    path: "/slow",
    handler: async ({ response }) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      response.end("done");
    },
  };
  const { server, port } = await start([slow], identity);
  const answer = get(port, "/slow", { ca: identity.caPem });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const stopped = shutDown(server, 10_000);
  release();
  expect(await answer).toEqual({ status: 200, text: "done" });
  await stopped;
  open.splice(0);
});

test("an address that cannot be bound is named", async () => {
  const identity = await buildTlsIdentity();
  const { server, port } = await start([hello], identity);
  expect((server.address() as AddressInfo).port).toBe(port);
  const second = createHttpsServer(
    { serving: identity.serving, clientCaPem: identity.caPem, requestClientCertificate: false, maxConnections: 1 },
    () => {},
  );
  await expect(listen(second, `127.0.0.1:${port}`)).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
});
