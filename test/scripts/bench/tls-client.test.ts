import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createConnection, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { afterAll, afterEach, expect, test } from "@jest/globals";
import { TlsClient } from "../../../scripts/bench/load/tls/tls-client.ts";
import { makeTestAuthority } from "../../../scripts/bench/servers/test-authority.ts";

const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-test-"));
const authority = makeTestAuthority(directory);
const cert = readFileSync(authority.serverCertificateFile);
const key = readFileSync(authority.serverKeyFile);
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function tlsServer(onConnection: (socket: TLSSocket) => void, options: TlsOptions = {}): Promise<number> {
  return listen(createServer({ cert, key, ...options }, (socket) => onConnection(socket.on("error", () => undefined))));
}

/** Sends `request` once the connection is open and resolves with everything that came until the end. */
function converse(port: number, request: Buffer): Promise<{ readonly received: Buffer; readonly error: Error }> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const client = new TlsClient("127.0.0.1", port, {
      onOpen: () => client.send(request),
      onOctets: (octets) => received.push(octets),
      onEnd: (error) => resolve({ received: Buffer.concat(received), error }),
    });
  });
}

test.each([
  { name: "a server as it comes, with session tickets", options: {} },
  { name: "a server that asks for a certificate", options: { requestCert: true, rejectUnauthorized: false } },
])("everything arrives both ways: $name", async ({ options }) => {
  const answer = Buffer.alloc(100_000, "abcdefg");
  const asked: Buffer[] = [];
  const protocols: unknown[] = [];
  const port = await tlsServer((socket) => {
    protocols.push(socket.getProtocol(), socket.getCipher().standardName, socket.authorized);
    socket.on("data", (octets: Buffer) => {
      asked.push(octets);
      if (Buffer.concat(asked).length === 16_000) socket.end(answer);
    });
  }, options);
  const request = Buffer.alloc(16_000, 7);
  const { received, error } = await converse(port, request);
  expect(Buffer.concat(asked).equals(request)).toBe(true);
  expect(received.equals(answer)).toBe(true);
  expect(error.message).toBe("the server closed the connection");
  expect(protocols).toEqual(["TLSv1.3", "TLS_AES_128_GCM_SHA256", false]);
});

test("closing says goodbye as TLS wants it", async () => {
  const ended = new Promise<string>((resolve, reject) => {
    const onConnection = (socket: TLSSocket): void => {
      socket.on("end", () => resolve("end")).on("error", reject);
      socket.resume();
    };
    tlsServer(onConnection).then((port) => {
      const ignore = (): void => undefined;
      const client = new TlsClient("127.0.0.1", port, {
        onOpen: () => client.close(),
        ...{ onOctets: ignore, onEnd: ignore },
      });
    }, reject);
  });
  await expect(ended).resolves.toBe("end");
});

test("a server without TLS 1.3 is refused by its alert", async () => {
  const port = await tlsServer(() => undefined, { maxVersion: "TLSv1.2" });
  expect((await converse(port, Buffer.from("x"))).error.message).toBe("the server sent TLS alert 70");
});

test.each([
  { name: "a record that was changed on its way", change: (octets: Buffer) => flip(octets, octets.length - 1) },
  { name: "something else than TLS", change: () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n") },
])("what no server sends ends the connection: $name", async ({ change }) => {
  const port = await tlsServer(() => undefined);
  const between = await listen(
    createTcpServer((client) => {
      const server = createConnection(port, "127.0.0.1");
      client.on("error", () => undefined).on("close", () => server.destroy());
      client.on("data", (octets) => server.write(octets));
      server.on("error", () => undefined).on("data", (octets) => client.write(change(octets)));
      server.on("close", () => client.destroy());
    }),
  );
  const { received, error } = await converse(between, Buffer.from("x"));
  expect(received).toHaveLength(0);
  expect(error.message).not.toBe("the server closed the connection");
});

test("nobody there is an end too", async () => {
  const port = await listen(createTcpServer());
  const [server] = servers.splice(0);
  server?.close();
  await once(server as Server, "close");
  expect((await converse(port, Buffer.from("x"))).error).toMatchObject({ code: "ECONNREFUSED" });
});

function flip(octets: Buffer, index: number): Buffer {
  const changed = Buffer.from(octets);
  changed.writeUInt8((octets[index] ?? 0) ^ 1, index);
  return changed;
}
