import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import type { Route } from "../../../services/certificate-authority/http/call.ts";
import { ANONYMOUS } from "../../../services/shared/user-info.ts";
import { appOf } from "../../builders/edge.ts";

const LIMIT = 1024;
const route: Route = {
  method: "*",
  path: "/echo",
  handler: async ({ response, readBody }) => void response.end(await readBody()),
};

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function serve(overrides: Parameters<typeof appOf>[1] = {}): Promise<number> {
  const server = createServer(appOf([route], { maxBodyBytes: LIMIT, ...overrides }));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A client that sends a head and then `octets`, and reads nothing before it has sent everything that is taken. */
async function send(port: number, head: string, octets: number) {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  const errors: Error[] = [];
  socket.on("error", (error) => errors.push(error));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.pause();
  socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\n${head}`);
  const sent = new Promise<void>((resolve) => socket.write(Buffer.alloc(octets, " "), () => resolve()));
  await Promise.race([sent, closed]);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk)).resume();
  await closed;
  return { answer: Buffer.concat(chunks).toString("latin1"), errors, written: socket.bytesWritten };
}

const MEBIBYTE = 1024 * 1024;
const chunkedHead = (octets: number) => `Transfer-Encoding: chunked\r\n\r\n${octets.toString(16)}\r\n`;

test.each([
  { name: "announced", head: `Content-Length: ${6 * MEBIBYTE}\r\n\r\n`, octets: 6 * MEBIBYTE },
  { name: "in chunks", head: chunkedHead(6 * MEBIBYTE), octets: 6 * MEBIBYTE },
])("a body far over the limit, $name, is sent to its end, and its sender reads 413", async ({ head, octets }) => {
  const { answer, errors } = await send(await serve(), head, octets);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer.toLowerCase()).toContain("connection: close");
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))).toMatchObject({ reason: "RequestEntityTooLarge" });
  expect(errors).toEqual([]);
});

test("a refusal that does not even look at the body is read as well", async () => {
  const authorizer = { authorize: async () => ({ allowed: false, reason: "" }) };
  const { answer, errors } = await send(await serve({ authorizer }), `Content-Length: ${MEBIBYTE}\r\n\r\n`, MEBIBYTE);
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(errors).toEqual([]);
});

/** Sends for as long as it is let. */
async function sendEndlessly(port: number, head: string) {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`);
  const block = Buffer.alloc(64 * 1024, " ");
  const more = (): void => {
    while (socket.writable && socket.write(block)) {}
  };
  socket.on("drain", more);
  more();
  await closed;
  return { answer: Buffer.concat(chunks).toString("latin1"), written: socket.bytesWritten };
}

test.each([
  { name: "somebody known", authenticate: undefined, bytes: 8 * MEBIBYTE },
  {
    name: "a stranger",
    authenticate: async () => ({ user: ANONYMOUS, authenticated: ANONYMOUS }),
    bytes: MEBIBYTE / 4,
  },
])("of an endless body of $name a bounded part is taken, then the connection ends", async ({ authenticate, bytes }) => {
  const port = await serve(authenticate && { authenticate });
  const { answer, written } = await sendEndlessly(port, `Content-Length: ${1024 * MEBIBYTE}`);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  // What the kernel's buffers on both sides hold was written, too.
  expect(written).toBeLessThan(bytes + 16 * MEBIBYTE);
});

test("a sender that breaks off ends it at once", async () => {
  const port = await serve();
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${MEBIBYTE}\r\n\r\n   `);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  const [server] = servers;
  await new Promise<void>((resolve) => {
    const look = (): void => {
      server?.getConnections((_error, count) => (count === 0 ? resolve() : setTimeout(look, 10)));
    };
    look();
  });
});
