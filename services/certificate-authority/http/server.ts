import { constants } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import helmet from "helmet";
import { StatusError } from "../../shared/status-error.ts";
import type { Handler, Route } from "./call.ts";
import { type ConnectionGate, GATE_LIMITS, gateConnections } from "./connection-gate.ts";
import type { Edge, RequestListener } from "./edge.ts";

export interface ServingCertificate {
  readonly certificatePem: string;
  /** PEM of the CA that signed it. */
  readonly issuerPem: string;
  readonly privateKeyPem: string;
}

export interface ServerOptions {
  readonly serving: ServingCertificate;
  /** PEM of the CAs whose client certificates are let through to authentication. */
  readonly clientCaPem: string;
  /** Whether to ask for a client certificate; a listener for machines that only bootstrap need not. */
  readonly requestClientCertificate: boolean;
  readonly maxConnections: number;
}

const REQUEST_TIMEOUT_MILLISECONDS = 30_000;
const IDLE_TIMEOUT_MILLISECONDS = 120_000;

/** What stands before each server that was made here. */
const gates = new WeakMap<Server, ConnectionGate>();

/**
 * The Express application: every route behind the edge, and a Status for what is not there or is asked in the wrong way.
 * Tests mount it as it is.
 */
export function createApp(edge: Edge, routes: readonly Route[]): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  // Authorization judges paths literally, so routing must not be more generous.
  app.enable("case sensitive routing");
  app.enable("strict routing");
  app.use(helmet());
  for (const { method, path, handler } of routes) {
    const listener = edge.listener(handler);
    if (method === "*") app.all(path, listener);
    else app[method.toLowerCase() as "get"](path, listener);
  }
  for (const [path, methods] of methodsByPath(routes)) app.all(path, edge.listener(methodNotAllowed(methods)));
  app.use(edge.listener(notFound));
  return app;
}

/** What is allowed on each path that does not take every method; Express answers HEAD by the handler for GET. */
function methodsByPath(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, readonly string[]>();
  for (const { method, path } of routes) {
    const added = method === "GET" ? ["GET", "HEAD"] : [method];
    if (method !== "*") methods.set(path, [...(methods.get(path) ?? []), ...added]);
  }
  return methods;
}

/** Source: RFC 9110 section 15.5.6. */
function methodNotAllowed(methods: readonly string[]): Handler {
  return ({ response }) => {
    response.setHeader("allow", methods.join(", "));
    throw new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
  };
}

const notFound: Handler = ({ path }) => {
  throw new StatusError("NotFound", `the server could not find the requested resource ${path}`);
};

/**
 * Sends what `isHot` accepts straight to `hot` and everything else through Express, which costs some 50 µs a request.
 */
export function dispatchAhead(
  app: Express,
  hot: RequestListener,
  isHot: (request: IncomingMessage) => boolean,
): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (isHot(request)) hot(request, response);
    else app(request, response);
  };
}

/**
 * An HTTPS server with limits on slow clients. Only `http/1.1` is offered: an HTTP/2 request would crash Express 5, and
 * kubelets and kubectl fall back by themselves. No session tickets: Go clients do not resume, and a ticket costs the
 * server a re-encoding of the client's certificate. The option here ends those of TLS 1.2 and makes those of TLS 1.3
 * small; that none are sent takes `config/openssl`.
 */
export function createHttpsServer(options: ServerOptions, listener: RequestListener): Server {
  const server = createServer(
    {
      ...secureContextOptions(options),
      requestCert: options.requestClientCertificate,
      // An unverifiable certificate is the authenticator's to refuse, with a Status body.
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      // How often Node looks for heads and bodies that take too long; by itself every half minute.
      connectionsCheckingInterval: 5_000,
      headersTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      keepAliveTimeout: IDLE_TIMEOUT_MILLISECONDS,
      handshakeTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      maxHeaderSize: 32_768,
    },
    listener,
  );
  server.maxConnections = options.maxConnections;
  server.timeout = IDLE_TIMEOUT_MILLISECONDS;
  gates.set(server, gateConnections(server, GATE_LIMITS));
  return server;
}

/**
 * The certificate goes with its issuer's: alone it would make OpenSSL look for its chain among the trusted CAs, and
 * verify it, in every handshake, at a fifth of its cost.
 */
function secureContextOptions({ serving, clientCaPem }: Pick<ServerOptions, "serving" | "clientCaPem">) {
  return {
    cert: `${serving.certificatePem}${serving.issuerPem}`,
    key: serving.privateKeyPem,
    ca: clientCaPem,
    secureOptions: constants.SSL_OP_NO_TICKET,
    minVersion: "TLSv1.2",
  } as const;
}

/** Puts a renewed serving certificate in place; open connections keep the old one. */
export function replaceServingCertificate(
  server: Server,
  options: Pick<ServerOptions, "serving" | "clientCaPem">,
): void {
  server.setSecureContext(secureContextOptions(options));
}

/** @throws {Error} when the address cannot be bound; the message names it. */
export function listen(server: Server, address: string): Promise<AddressInfo> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(address.slice(colon + 1));
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(new Error(`cannot listen on ${address}: ${cause.message}`, { cause })));
    server.listen({ host, port, backlog: 4096 }, () => resolve(server.address() as AddressInfo));
  });
}

/** Stops accepting, lets requests in flight end, then closes what is left after `graceMilliseconds`. */
export async function shutDown(server: Server, graceMilliseconds: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  gates.get(server)?.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
  await closed;
  clearTimeout(timer);
}
