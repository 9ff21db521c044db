import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP } from "node:net";
import { text as readText } from "node:stream/consumers";
import { describeConnectionError } from "./api-error.ts";
import type { AskedServer } from "./doctor.ts";
import type { Connection } from "./kubeconfig.ts";

/**
 * The server of a kubeconfig, whatever it answers: status and clock are what is asked for. No credentials are shown, since
 * what is asked is open to everybody.
 */
export function askedServer(connection: Connection): AskedServer {
  const { server, caPem, tlsServerName, skipsVerification } = connection;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  return {
    url: server.origin,
    async get(path, signal) {
      const outgoing = request({
        host,
        port: server.port || 443,
        path: `${server.pathname.replace(/\/$/, "")}${path}`,
        headers: { "user-agent": "gatehouse-doctor" },
        servername: tlsServerName ?? (isIP(host) ? "" : host),
        rejectUnauthorized: !skipsVerification,
        agent: false,
        signal,
        ...(caPem && { ca: caPem }),
      });
      try {
        const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
        outgoing.end();
        const [response] = await answered;
        return {
          status: response.statusCode ?? 0,
          date: dateOf(response.headers.date),
          body: await readText(response),
        };
      } catch (error) {
        throw describeConnectionError(error, connection);
      }
    },
  };
}

function dateOf(header: string | undefined): Date | undefined {
  const date = new Date(header ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
