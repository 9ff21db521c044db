import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

export interface GateLimits {
  /** Connections that may be between their acceptance and their first answer. */
  readonly fresh: number;
  /** Milliseconds after which a connection counts as fresh no longer, whatever has become of it. */
  readonly holdMilliseconds: number;
  /** Milliseconds after which a connection waits no longer, however many are fresh. */
  readonly waitMilliseconds: number;
}

/**
 * Enough to keep every thread at work. A connection waits less long than the ten seconds that Go's clients give a TLS
 * handshake, and nobody who just sits there keeps others out for more than a second.
 */
export const GATE_LIMITS: GateLimits = { fresh: 256, holdMilliseconds: 1_000, waitMilliseconds: 8_000 };

export interface ConnectionGate {
  /** Drops those that wait and lets nobody in any more. */
  close(): void;
}

interface Waiting {
  readonly socket: Socket;
  readonly since: number;
}

/**
 * Lets a server begin with new connections no faster than it gets done with them. When a whole cluster knocks at once
 * the rest waits as bare sockets: a TLS connection and its request take some 80 KiB, and the first would otherwise be
 * answered when the last have shaken hands.
 *
 * @param now - milliseconds of a clock that never goes back.
 */
export function gateConnections(server: Server, limits: GateLimits, now = () => performance.now()): ConnectionGate {
  const accept = server.listeners("connection") as ((socket: Socket) => void)[];
  const fresh = new Map<string, () => void>();
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function onConnection(socket: Socket): void {
    if (isClosed) {
      socket.destroy();
    } else if (waiting.size === 0 && fresh.size < limits.fresh) {
      begin(socket);
    } else {
      const entry = { socket, since: now() };
      waiting.add(entry);
      socket.once("close", () => waiting.delete(entry));
      // Whoever gives up while waiting breaks nothing.
      socket.on("error", () => socket.destroy());
      watchTime();
    }
  }

  function begin(socket: Socket): void {
    const key = keyOf(socket);
    const release = (): void => {
      clearTimeout(hold);
      // Released already; another connection may have come from the same port since.
      if (fresh.get(key) !== release) return;
      fresh.delete(key);
      admit();
    };
    const hold = setTimeout(release, limits.holdMilliseconds).unref();
    fresh.set(key, release);
    socket.once("close", release);
    for (const listener of accept) listener.call(server, socket);
  }

  function admit(): void {
    for (const entry of waiting) {
      const isDue = now() - entry.since >= limits.waitMilliseconds;
      if (fresh.size >= limits.fresh && !isDue) break;
      waiting.delete(entry);
      if (!entry.socket.destroyed) begin(entry.socket);
    }
    watchTime();
  }

  function watchTime(): void {
    if (timer !== undefined) return;
    const [first] = waiting;
    if (first === undefined) return;
    const left = first.since + limits.waitMilliseconds - now();
    timer = setTimeout(
      () => {
        timer = undefined;
        admit();
      },
      Math.max(0, left),
    ).unref();
  }

  function onRequest({ socket, url = "" }: IncomingMessage, response: ServerResponse): void {
    const done = fresh.get(keyOf(socket));
    if (done === undefined) return;
    // The answer to a watch ends with the watch.
    if (/[?&]watch=/.test(url)) done();
    else response.once("close", done);
  }

  server.removeAllListeners("connection");
  server.on("connection", onConnection);
  server.prependListener("request", onRequest);
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { socket } of waiting) socket.destroy();
    },
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
