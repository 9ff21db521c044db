import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { GatehouseProcess } from "./gatehouse-process.ts";
import { readKubeconfig } from "./https-client.ts";

/** A connection that does only what it is told to. */
export interface StubbornClient {
  readonly socket: Socket;
  /** What came in so far; nothing does while the socket is paused. */
  readonly received: () => string;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

function stubborn(socket: Socket): StubbornClient {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // An error is followed by the end that is waited for.
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, closed, received: () => Buffer.concat(chunks).toString("latin1") };
}

/** A TCP connection on which no TLS handshake ever begins. */
export async function connectSilently({ url }: GatehouseProcess): Promise<StubbornClient> {
  const { hostname, port } = new URL(url);
  const socket = connectTcp(Number(port), hostname);
  await once(socket, "connect");
  return stubborn(socket);
}

/**
 * A connection after its TLS handshake.
 *
 * @throws {Error} when the server hangs up before.
 */
export async function connectSecurely(gatehouse: GatehouseProcess): Promise<StubbornClient> {
  const { hostname, port } = new URL(gatehouse.url);
  const { caPem } = readKubeconfig(gatehouse.bootstrapKubeconfig).credentials;
  const socket = connectTls({ host: hostname, port: Number(port), ca: caPem });
  const client = stubborn(socket);
  const refused = client.closed.then(() => {
    throw new Error("the server hung up");
  });
  await Promise.race([once(socket, "secureConnect"), refused]);
  // Later ends are nobody's failure.
  refused.catch(() => undefined);
  return client;
}

/** The head of a request that carries the token of `bootstrap.kubeconfig`. */
export function requestHead(gatehouse: GatehouseProcess, requestLine: string, headers: readonly string[] = []): string {
  const { credentials } = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const all = ["Host: gatehouse", `Authorization: Bearer ${credentials.token}`, "Accept: application/json", ...headers];
  return `${requestLine} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n`;
}
