import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MILLISECONDS = 20;
const TRIES = 500;

/** A port of 127.0.0.1 that nobody uses right now, for programs that cannot pick one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until somebody listens there, for programs that say so too early. @throws {Error} when nobody does. */
export async function acceptsConnections(port: number): Promise<void> {
  for (let left = TRIES; left > 0; left -= 1) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await sleep(RETRY_MILLISECONDS);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}
