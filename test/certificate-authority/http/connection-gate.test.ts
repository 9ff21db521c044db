import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import {
  type ConnectionGate,
  type GateLimits,
  gateConnections,
} from "../../../services/certificate-authority/http/connection-gate.ts";

const FOREVER = 3_600_000;
const clients: Socket[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) server.close();
});

interface Gated {
  readonly gate: ConnectionGate;
  /** The paths that were asked for, in their order. */
  readonly asked: string[];
  readonly answer: (path: string) => void;
  readonly client: (path: string) => Promise<Socket>;
  /** Resolves when that many requests have come through. */
  readonly until: (count: number) => Promise<void>;
}

/** A server behind a gate; requests are answered by hand. */
async function start(limits: Partial<GateLimits>): Promise<Gated> {
  const asked: string[] = [];
  const responses = new Map<string, ServerResponse>();
  const server = createServer(({ url = "" }: IncomingMessage, response) => {
    asked.push(url);
    responses.set(url, response);
    server.emit("asked");
  });
  servers.push(server);
  const gate = gateConnections(server, { fresh: 1, holdMilliseconds: FOREVER, waitMilliseconds: FOREVER, ...limits });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    gate,
    asked,
    answer: (path) => void responses.get(path)?.end("done"),
    async client(path) {
      const socket = connect(port, "127.0.0.1").on("error", () => undefined);
      clients.push(socket);
      await once(socket, "connect");
      if (path !== "") socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      return socket;
    },
    async until(count) {
      while (asked.length < count) await once(server, "asked");
    },
  };
}

/** Long enough for anything that is going to happen on loopback. */
const aMoment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

test("connections begin in their order, each when one before it got its first answer", async () => {
  const { asked, answer, client, until } = await start({ fresh: 2 });
  for (const path of ["/1", "/2", "/3", "/4"]) await client(path);
  await aMoment();
  expect(asked).toEqual(["/1", "/2"]);
  answer("/2");
  await until(3);
  await aMoment();
  expect(asked).toEqual(["/1", "/2", "/3"]);
  answer("/1");
  answer("/3");
  await until(4);
  expect(asked).toEqual(["/1", "/2", "/3", "/4"]);
});

test("further requests of a connection that had its answer wait for nobody", async () => {
  const { answer, client, until, asked } = await start({});
  const first = await client("/1");
  await until(1);
  answer("/1");
  await client("/2");
  await until(2);
  first.write("GET /again HTTP/1.1\r\nhost: x\r\n\r\n");
  await until(3);
  expect(asked).toEqual(["/1", "/2", "/again"]);
});

test("a watch makes room when it begins", async () => {
  const { client, until, asked } = await start({});
  await client("/csrs?watch=true");
  await client("/2");
  await until(2);
  expect(asked).toEqual(["/csrs?watch=true", "/2"]);
});

test("a connection that closes makes room", async () => {
  const { client, until, asked } = await start({});
  const silent = await client("");
  await client("/2");
  await aMoment();
  expect(asked).toEqual([]);
  silent.destroy();
  await until(1);
});

test("a connection that only sits there keeps others out for a while and no longer", async () => {
  const { client, until } = await start({ holdMilliseconds: 50 });
  await client("");
  await client("/2");
  await until(1);
});

test("nobody waits longer than the limit", async () => {
  const { client, until } = await start({ waitMilliseconds: 50 });
  await client("");
  await client("/2");
  await until(1);
});

test("a connection that is reset while it waits takes nobody's place", async () => {
  const { client, until, asked, answer } = await start({});
  await client("/1");
  await until(1);
  const impatient = await client("/2");
  await client("/3");
  await aMoment();
  impatient.resetAndDestroy();
  await aMoment();
  answer("/1");
  await until(2);
  expect(asked).toEqual(["/1", "/3"]);
});

test("a closed gate drops who waits and who comes", async () => {
  const { gate, client, asked, until } = await start({});
  await client("/1");
  await until(1);
  const waiting = await client("/2");
  await aMoment();
  gate.close();
  await once(waiting, "close");
  const late = await client("/3");
  if (!late.destroyed) await once(late, "close");
  expect(asked).toEqual(["/1"]);
});
