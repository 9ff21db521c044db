import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { Administrator } from "./support/administrator.ts";
import { REQUESTS_PATH } from "./support/certificate-requests-client.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { connectSecurely, connectSilently, requestHead, type StubbornClient } from "./support/stubborn-client.ts";

jest.setTimeout(180_000);

const MAX_CONNECTIONS = 2_000;
const MAX_BODY_BYTES = 3 * 1024 * 1024;
const EACH = 10;
/** A start takes some 200, all of this together some 600. */
const MEMORY_LIMIT_MEBIBYTES = 1_000;

let gatehouse: GatehouseProcess;
let administrator: Administrator;
const opened: StubbornClient[] = [];
let dribble: NodeJS.Timeout;
/** Clients that are slow from the beginning and that the last test looks at again. */
const slow = { handshakes: [] as StubbornClient[], heads: [] as StubbornClient[], bodies: [] as StubbornClient[] };

beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration: autoApproving({ server: { maxConnections: MAX_CONNECTIONS } }) });
  administrator = new Administrator(gatehouse.adminKubeconfig);
  for (let count = 0; count < EACH; count += 1) {
    slow.handshakes.push(keep(await connectSilently(gatehouse)));
    slow.heads.push(keep(await connectSecurely(gatehouse)));
    slow.bodies.push(keep(await connectSecurely(gatehouse)));
  }
  const head = requestHead(gatehouse, `POST ${REQUESTS_PATH}`, [
    "Content-Type: application/json",
    "Content-Length: 1000",
  ]);
  for (const { socket } of slow.bodies) socket.write(`${head}{"apiVersion": `);
  for (const { socket } of slow.heads) socket.write("GET /healthz HTTP/1.1\r\nX-Slow: ");
  dribble = setInterval(() => {
    for (const { socket } of slow.heads) if (socket.writable) socket.write("z");
  }, 500);
});

afterAll(async () => {
  clearInterval(dribble);
  for (const { socket } of opened) socket.destroy();
  administrator.close();
  await gatehouse.remove();
});

function keep(client: StubbornClient): StubbornClient {
  opened.push(client);
  return client;
}

let joins = 0;

/** The server does its work for others, and its memory has never grown beyond the limit. */
async function expectUnimpressed(): Promise<void> {
  joins += 1;
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ ...bootstrap, nodeName: `brisk-${joins}`, rotateCertificates: true });
  expect((await kubelet.bootstrap()).certificatePem).toMatch(/^-----BEGIN CERTIFICATE-----/);
  kubelet.close();
  expect(peakMemoryMebibytes()).toBeLessThan(MEMORY_LIMIT_MEBIBYTES);
}

/** Linux tells; elsewhere there is nothing to compare. */
function peakMemoryMebibytes(): number {
  if (process.platform !== "linux") return 0;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gatehouse.pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

test("works on while handshakes, heads and bodies do not end", () => expectUnimpressed());

/** A request's body of exactly so many octets: JSON may be followed by any amount of space. */
function paddedBody(octets: number): string {
  const spec = {
    request: buildCsr({ commonName: "jane", organizations: ["developers"] }).requestBase64,
    signerName: "kubernetes.io/kube-apiserver-client",
    usages: ["client auth"],
  };
  const object = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", spec };
  return JSON.stringify({ ...object, metadata: { generateName: "padded-" } }).padEnd(octets);
}

test.each([
  { name: "3 MiB, announced", octets: MAX_BODY_BYTES, chunked: false, status: 201 },
  { name: "3 MiB, in chunks", octets: MAX_BODY_BYTES, chunked: true, status: 201 },
  { name: "one octet more, in chunks", octets: MAX_BODY_BYTES + 1, chunked: true, status: 413 },
])("a body of $name", async ({ octets, chunked, status }) => {
  const body = paddedBody(octets);
  const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${octets}`;
  const sent = chunked ? `${octets.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  expect(await statusOfPost(length, sent)).toBe(`HTTP/1.1 ${status}`);
  await expectUnimpressed();
});

test("a body of one octet more than 3 MiB, announced, is refused before it is sent", async () => {
  expect(await statusOfPost(`Content-Length: ${MAX_BODY_BYTES + 1}`, "")).toBe("HTTP/1.1 413");
});

/** Posts a request and waits for the server to end the connection. */
async function statusOfPost(lengthHeader: string, body: string): Promise<string> {
  const client = keep(await connectSecurely(gatehouse));
  const headers = ["Content-Type: application/json", lengthHeader, "Connection: close"];
  client.socket.write(requestHead(gatehouse, `POST ${REQUESTS_PATH}`, headers) + body);
  await client.closed;
  return client.received().slice(0, 12);
}

test("an endless body is cut off at the limit", async () => {
  const clients = await Promise.all(Array.from({ length: EACH }, async () => keep(await connectSecurely(gatehouse))));
  const headers = ["Content-Type: application/json", "Transfer-Encoding: chunked"];
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const streams = clients.map(async ({ socket, closed, received }) => {
    socket.write(requestHead(gatehouse, `POST ${REQUESTS_PATH}`, headers));
    const more = (): void => {
      while (socket.writable && socket.write(chunk)) {}
    };
    socket.on("drain", more);
    more();
    await closed;
    return received().slice(0, 12);
  });
  expect(new Set(await Promise.all(streams))).toEqual(new Set(["HTTP/1.1 413"]));
  await expectUnimpressed();
});

test("watchers and list readers that never read are kept in bounds, and the watchers cut off", async () => {
  const watchers = await deafClients(`GET ${REQUESTS_PATH}?watch=true`);
  const name = await changeMuch();
  await loggedTimes("its reader fell behind", EACH);
  const readers = await deafClients(`GET ${REQUESTS_PATH}`);
  await expectUnimpressed();
  for (const { socket } of [...watchers, ...readers]) socket.destroy();
  await administrator.removeRequest(name);
  await expectUnimpressed();
});

/** Clients that ask and then take nothing of the answer. */
function deafClients(requestLine: string): Promise<readonly StubbornClient[]> {
  return Promise.all(
    Array.from({ length: EACH }, async () => {
      const client = keep(await connectSecurely(gatehouse));
      client.socket.pause();
      client.socket.write(requestHead(gatehouse, requestLine));
      return client;
    }),
  );
}

/** Makes some 40 MB of events; the kernel keeps a dozen of them for a reader, the server eight. */
async function changeMuch(): Promise<string> {
  const { requestBase64: request } = buildCsr({ commonName: "jane", organizations: ["developers"] });
  const spec = { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] };
  const { metadata } = await administrator.submit({ metadata: { generateName: "large-" }, spec });
  for (let change = 0; change < 160; change += 1) {
    await administrator.annotate(metadata.name, { filling: String(change).padEnd(250_000, ".") });
  }
  return metadata.name;
}

async function loggedTimes(text: string, count: number): Promise<void> {
  while (gatehouse.log().split(text).length - 1 < count) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("as many idle connections as are let in: others are turned away until some of them are gone", async () => {
  await administrator.verifyLedger();
  const idle = await fillUp();
  expect(idle.length).toBeGreaterThan(MAX_CONNECTIONS / 2);
  await expect(connectSecurely(gatehouse)).rejects.toThrow();
  // On the connection that it has had all along.
  expect(await administrator.verifyLedger()).toMatchObject({ sound: true });
  for (const { socket } of idle) socket.destroy();
  await Promise.all(idle.map(({ closed }) => closed));
  await answersAgain();
  await expectUnimpressed();
});

async function fillUp(): Promise<readonly StubbornClient[]> {
  const idle: StubbornClient[] = [];
  for (;;) {
    const attempts = await Promise.allSettled(Array.from({ length: 50 }, () => connectSecurely(gatehouse)));
    const got = attempts.flatMap((attempt) => (attempt.status === "fulfilled" ? [keep(attempt.value)] : []));
    idle.push(...got);
    if (got.length === 0) return idle;
  }
}

/** The server learns of an end a little after the client. */
async function answersAgain(): Promise<void> {
  for (;;) {
    const client = await connectSecurely(gatehouse).catch(() => undefined);
    client?.socket.destroy();
    if (client !== undefined) return;
  }
}

test("who does not end a handshake, a head or a body is cut off in the end", async () => {
  await Promise.all([...slow.handshakes, ...slow.heads, ...slow.bodies].map(({ closed }) => closed));
  expect(slow.handshakes.map(({ received }) => received())).toEqual(slow.handshakes.map(() => ""));
  for (const { received } of [...slow.heads, ...slow.bodies]) expect(received()).toMatch(/^HTTP\/1\.1 408 /);
  await expectUnimpressed();
});
