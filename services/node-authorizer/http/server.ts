import { constants } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Express } from "express";
import { StatusError } from "../../shared/status-error.ts";
import { sendError } from "./exchange.ts";
import type { Listener } from "./webhooks.ts";

export interface TlsOptions {
  /** The serving certificate, with its chain. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Who signs the certificates of callers; undefined lets everybody call. */
  readonly clientCaPem: string | undefined;
  /** Common names of callers; all that the CA vouches for when empty. */
  readonly allowedClients: readonly string[];
}

export interface ServerDependencies {
  readonly tls: TlsOptions;
  readonly webhooks: { readonly authorize: Listener; readonly admit: Listener };
  /** Everything else. */
  readonly app: Express;
}

const REQUEST_TIMEOUT_MILLISECONDS = 10_000;
const IDLE_TIMEOUT_MILLISECONDS = 300_000;
const MAX_CONNECTIONS = 10_000;

/** What anybody may ask: whether the process lives and is ready. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/livez", "/readyz"]);

/**
 * The HTTPS server. The two webhooks are dispatched ahead of Express, which costs four times what they do. Only `http/1.1` is
 * offered: an HTTP/2 request would crash Express 5, and kube-apiserver falls back by itself.
 */
export function createHttpsServer({ tls, webhooks, app }: ServerDependencies): Server {
  const server = createServer(
    {
      ...secureContextOptions(tls),
      requestCert: tls.clientCaPem !== undefined,
      // Probes come without a certificate; whoever else does gets a Status.
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      headersTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      handshakeTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      keepAliveTimeout: IDLE_TIMEOUT_MILLISECONDS,
      maxHeaderSize: 16_384,
    },
    (request, response) => dispatch(tls, webhooks, app, request, response),
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

export function secureContextOptions({ certificatePem, keyPem, clientCaPem }: TlsOptions) {
  return {
    cert: certificatePem,
    key: keyPem,
    ...(clientCaPem !== undefined && { ca: clientCaPem }),
    secureOptions: constants.SSL_OP_NO_TICKET,
    minVersion: "TLSv1.2",
  } as const;
}

function dispatch(
  tls: TlsOptions,
  webhooks: ServerDependencies["webhooks"],
  app: Express,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = pathOf(request);
  const refusal = OPEN_PATHS.has(path) ? undefined : callerRefusal(tls, request.socket as TLSSocket);
  const webhook = webhookOf(webhooks, path);
  if (refusal !== undefined) sendError(request, response, refusal);
  else if (webhook === undefined) app(request, response);
  else if (request.method === "POST") webhook(request, response);
  else {
    response.setHeader("allow", "POST");
    sendError(request, response, new StatusError("MethodNotAllowed", "send a review by POST"));
  }
}

function webhookOf({ authorize, admit }: ServerDependencies["webhooks"], path: string): Listener | undefined {
  if (path === "/authorize") return authorize;
  return path === "/admit/node-restriction" ? admit : undefined;
}

/** kube-apiserver adds `?timeout=3s` to the path. */
function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}

/** By connection: a certificate is judged once. */
const judged = new WeakMap<TLSSocket, StatusError | "admitted">();

function callerRefusal(tls: TlsOptions, socket: TLSSocket): StatusError | undefined {
  if (tls.clientCaPem === undefined) return undefined;
  const known = judged.get(socket) ?? judge(tls, socket);
  judged.set(socket, known);
  return known === "admitted" ? undefined : known;
}

function judge({ allowedClients }: TlsOptions, socket: TLSSocket): StatusError | "admitted" {
  if (!socket.authorized) {
    return new StatusError("Unauthorized", "show a client certificate of the CA that --client-ca names");
  }
  const commonName = socket.getPeerCertificate().subject?.CN;
  if (allowedClients.length === 0 || (typeof commonName === "string" && allowedClients.includes(commonName))) {
    return "admitted";
  }
  return new StatusError("Forbidden", "your client certificate is none that --allowed-client names");
}

/** @throws {Error} when the address cannot be bound; the message names it. */
export function listen(server: Server, address: string): Promise<AddressInfo> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(address.slice(colon + 1));
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(new Error(`cannot listen on ${address}: ${cause.message}`, { cause })));
    server.listen({ host, port, backlog: 1024 }, () => resolve(server.address() as AddressInfo));
  });
}

/** Stops accepting, lets requests in flight end, then closes what is left after `graceMilliseconds`. */
export async function shutDown(server: Server, graceMilliseconds: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
  await closed;
  clearTimeout(timer);
}
