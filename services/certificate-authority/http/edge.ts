import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { isStatusError, StatusError } from "../../shared/status-error.ts";
import { ANONYMOUS, type UserInfo } from "../../shared/user-info.ts";
import type { AuditRecorder } from "../access/audit/recorder.ts";
import type { AccessAttributes, AccessDecision, Authorizer } from "../domain/authorization.ts";
import { AuditedExchange } from "./audited-exchange.ts";
import { readBody } from "./body.ts";
import type { Call, Handler } from "./call.ts";
import { type Impersonation, impersonationOf } from "./impersonation-headers.ts";
import type { Metrics } from "./metrics.ts";
import { sendFailure } from "./object-answer.ts";
import { requireTimeout } from "./query-options.ts";
import { type ReadAwayLimits, readAway } from "./read-away.ts";
import { type RequestInfo, requestInfoOf } from "./request-info.ts";

/** What a caller shows of itself. The certificate, when there is one, has passed the TLS layer's chain check. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly clientCertificateDer: Uint8Array | undefined;
  /** The certificates between the client's and a CA, as the client sent them. */
  readonly intermediatesDer: () => readonly Uint8Array[];
  /** Names in lower case; each value as it stood in a header line of its own. */
  readonly headers: () => Readonly<Record<string, readonly string[] | undefined>>;
  readonly impersonation: Impersonation | undefined;
  readonly remoteAddress: string;
  /** Told who the credentials are, before impersonation is judged. */
  readonly onAuthenticated?: ((user: UserInfo) => void) | undefined;
}

export interface Identity {
  /** Who the request acts as, after impersonation. */
  readonly user: UserInfo;
  /** Whose credentials they were. */
  readonly authenticated: UserInfo;
}

export interface RateLimiter {
  /** @throws {StatusError} TooManyRequests with `retryAfterSeconds`. */
  takeForAddress(address: string): void;
  /** @throws {StatusError} TooManyRequests with `retryAfterSeconds`. */
  takeForIdentity(username: string): void;
  noteFailedAuthentication(address: string): void;
}

export interface EdgeDependencies {
  authenticate(credentials: Credentials): Promise<Identity>;
  readonly authorizer: Authorizer;
  readonly rateLimiter: RateLimiter;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  /** Undefined when requests are not audited. */
  readonly audit?: AuditRecorder | undefined;
}

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export interface Edge {
  /** Wraps a handler with everything each request passes: id, limits, authentication, authorization, metrics, errors. */
  listener(handler: Handler): RequestListener;
  /** Requests being answered right now, watches included. */
  readonly inFlight: number;
}

/** What is read of a body after the answer was sent. */
const REST: ReadAwayLimits = { bytes: 8 * 1024 * 1024, milliseconds: 2_000 };
/** Of a caller who is not known: as much as Go's server reads of anybody's. */
const STRANGERS_REST: ReadAwayLimits = { bytes: 256 * 1024, milliseconds: 500 };

/** Builds the one way by which every request comes in (services/README.md, "One request, end to end"). */
export function createEdge(deps: EdgeDependencies): Edge {
  const state = { inFlight: 0 };
  return {
    get inFlight() {
      return state.inFlight;
    },
    listener: (handler) => (request, response) => {
      state.inFlight += 1;
      const exchange = new Exchange(deps, request, response);
      response.on("close", () => {
        state.inFlight -= 1;
        exchange.finished();
      });
      void exchange.run(handler);
    },
  };
}

/** One request and its answer; holds what the log line and the metrics need at the end. */
class Exchange {
  readonly #deps: EdgeDependencies;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #requestId: string;
  readonly #started = performance.now();
  readonly #audit: AuditedExchange | undefined;
  #info: RequestInfo | undefined;
  #user: UserInfo = ANONYMOUS;
  /** The body was read to its end, which Node may not have noticed yet. */
  #hasBody = false;
  /** What the connection's idle limit was before a watch lifted it. */
  #idleMilliseconds: number | undefined;

  constructor(deps: EdgeDependencies, request: IncomingMessage, response: ServerResponse) {
    this.#deps = deps;
    this.#request = request;
    this.#response = response;
    this.#requestId = requestIdOf(request);
    this.#audit = deps.audit && new AuditedExchange(deps.audit, request, response, this.#requestId);
  }

  async run(handler: Handler): Promise<void> {
    const response = this.#response;
    response.setHeader("audit-id", this.#requestId);
    response.setHeader("cache-control", "no-cache, private");
    response.setHeader("x-content-type-options", "nosniff");
    try {
      await handler(await this.#admit());
    } catch (error) {
      this.#answerError(error);
    }
  }

  async #admit(): Promise<Call> {
    const request = this.#request;
    const deps = this.#deps;
    const { path, query } = splitUrl(request.url ?? "/");
    const info = requestInfoOf(request.method ?? "GET", path, query);
    if (info === undefined) throw new StatusError("BadRequest", `the path ${path} is not valid percent-encoding`);
    this.#info = info;
    if (info.isResource && info.verb !== "watch") requireTimeout(query);
    const address = request.socket.remoteAddress ?? "";
    deps.rateLimiter.takeForAddress(address);
    const credentials = this.#credentials(address);
    let identity: Identity;
    try {
      identity = await deps.authenticate(credentials);
    } catch (error) {
      this.#audit?.identified(info, undefined);
      if (isStatusError(error, "Unauthorized")) deps.rateLimiter.noteFailedAuthentication(address);
      throw error;
    }
    const { user, authenticated } = identity;
    this.#user = user;
    const audit = this.#audit;
    audit?.identified(info, user);
    deps.rateLimiter.takeForIdentity(isAnonymous(authenticated) ? `address ${address}` : authenticated.username);
    this.#requireAllowed(info, await deps.authorizer.authorize(user, attributesOf(info)));
    const admission = audit?.admit(info);
    if (admission !== undefined) await admission;
    if (info.verb === "watch") this.#allowSilence();
    const body = async (): Promise<Buffer> => {
      const bytes = await readBody(request, deps.maxBodyBytes);
      this.#hasBody = true;
      return bytes;
    };
    return {
      request,
      response: this.#response,
      requestId: this.#requestId,
      user: this.#user,
      path,
      query,
      info,
      readBody: audit === undefined ? body : audit.reading(body),
      record: audit?.record,
    };
  }

  /** A watch may be silent for as long as it likes; what comes after it on the same connection may not. */
  #allowSilence(): void {
    const { socket } = this.#request;
    this.#idleMilliseconds = socket.timeout ?? 0;
    socket.setTimeout(0);
    socket.prependListener("end", dropConnection);
  }

  #credentials(remoteAddress: string): Credentials {
    const request = this.#request;
    const socket = request.socket as TLSSocket;
    return {
      authorization: request.headers.authorization,
      clientCertificateDer: verifiedCertificateOf(socket),
      intermediatesDer: () => intermediatesOf(socket),
      headers: () => request.headersDistinct,
      impersonation: impersonationOf(request),
      remoteAddress,
      onAuthenticated: this.#audit?.authenticated,
    };
  }

  #requireAllowed(info: RequestInfo, decision: AccessDecision): void {
    this.#audit?.authorized(decision);
    if (decision.allowed) return;
    if (isAnonymous(this.#user)) {
      throw new StatusError("Unauthorized", "Unauthorized");
    }
    throw forbidden(this.#user, info, decision.reason);
  }

  #answerError(error: unknown): void {
    const response = this.#response;
    const status = isStatusError(error) ? error : new StatusError("InternalError", "internal error", { cause: error });
    this.#audit?.failed(error, status);
    if (!isStatusError(error) || status.code >= 500) {
      this.#deps.logger.error({ requestId: this.#requestId, err: error }, "request failed");
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const retryAfter = status.details?.retryAfterSeconds;
    if (retryAfter !== undefined) response.setHeader("retry-after", String(Math.max(1, Math.ceil(retryAfter))));
    if (status.code === 401) response.setHeader("www-authenticate", 'Bearer realm="gatehouse"');
    sendFailure(response, this.#request.headers.accept, status.toStatus(), this.#endOfUnread());
  }

  /** Undefined when the body was read; of one that nobody wants the connection is not to carry another request. */
  #endOfUnread(): Promise<void> | undefined {
    if (this.#request.complete || this.#hasBody) return undefined;
    this.#response.setHeader("connection", "close");
    return readAway(this.#request, isAnonymous(this.#user) ? STRANGERS_REST : REST);
  }

  finished(): void {
    this.#audit?.finished();
    if (this.#idleMilliseconds !== undefined) {
      const { socket } = this.#request;
      socket.setTimeout(this.#idleMilliseconds);
      socket.off("end", dropConnection);
    }
    const { metrics, logger } = this.#deps;
    const seconds = (performance.now() - this.#started) / 1000;
    const verb = this.#info?.verb ?? "unknown";
    const code = this.#response.statusCode;
    metrics.requestFinished(verb, resourceLabel(this.#info), code, seconds);
    const level = code >= 400 ? "info" : "debug";
    if (!logger.isLevelEnabled(level)) return;
    const { method, url } = this.#request;
    const milliseconds = Math.round(seconds * 1e5) / 100;
    logger[level](
      { requestId: this.#requestId, user: this.#user.username, method, url, code, milliseconds },
      "request",
    );
  }
}

/**
 * Of a watcher that has hung up: whatever else is sent, nobody reads. To close in form would take one more TLS record and two
 * more calls of the kernel, for every kubelet that got its certificate.
 */
function dropConnection(this: Socket): void {
  this.destroy();
}

function isAnonymous({ username, groups }: UserInfo): boolean {
  return username === ANONYMOUS.username && groups.includes("system:unauthenticated");
}

/**
 * The caller's own id, cut to 64 characters, when it is harmless in a log line; else a new UUID.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit_init.go.
 */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["audit-id"] ?? headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9_.-]+$/.test(given) ? given.slice(0, 64) : randomUUID();
}

function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf("?");
  return mark < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

const MAXIMUM_INTERMEDIATES = 4;

/** The client certificate of a connection whose chain the TLS layer verified; remembered, since asking copies it. */
const certificates = new WeakMap<TLSSocket, Uint8Array | undefined>();

function verifiedCertificateOf(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.authorized) return undefined;
  if (certificates.has(socket)) return certificates.get(socket);
  const der = socket.getPeerX509Certificate()?.raw;
  certificates.set(socket, der);
  return der;
}

function intermediatesOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let issuer = socket.getPeerX509Certificate()?.issuerCertificate;
  while (issuer !== undefined && chain.length < MAXIMUM_INTERMEDIATES) {
    chain.push(issuer.raw);
    issuer = issuer.issuerCertificate;
  }
  return chain;
}

function attributesOf(info: RequestInfo): AccessAttributes {
  if (!info.isResource) return { kind: "path", verb: info.verb, path: info.path };
  const { verb, apiGroup: group, apiVersion: version, resource, subresource, name, namespace } = info;
  return { kind: "resource", verb, group, version, resource, subresource, name, namespace };
}

/** @param reason - why, as an authorizer told it; empty when nobody did. */
function forbidden(user: UserInfo, info: RequestInfo, reason: string): StatusError {
  const why = reason === "" ? "" : `: ${reason}`;
  if (!info.isResource) {
    const text = `forbidden: User "${user.username}" cannot ${info.verb} path "${info.path}"${why}`;
    return new StatusError("Forbidden", text);
  }
  const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
  const { apiGroup: group, name, namespace } = info;
  const subject = [group === "" ? info.resource : `${info.resource}.${group}`, ...(name === "" ? [] : [`"${name}"`])];
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const message = `${subject.join(" ")} is forbidden: User "${user.username}" cannot ${info.verb} resource "${resource}" in API group "${group}" ${scope}${why}`;
  const details = { ...(name !== "" && { name }), ...(group !== "" && { group }), kind: info.resource };
  return new StatusError("Forbidden", message, { details });
}

/** Metrics labels are a closed set: a path that is no resource of ours counts under its first segment. */
const KNOWN_RESOURCES = new Set([
  "clusterrolebindings",
  "clusterroles",
  "configmaps",
  "secrets",
  "certificatesigningrequests",
  "selfsubjectaccessreviews",
  "selfsubjectrulesreviews",
  "subjectaccessreviews",
  "selfsubjectreviews",
]);
const KNOWN_PATHS = new Set(["healthz", "livez", "readyz", "metrics", "version", "api", "apis", "openapi", "v1"]);

function resourceLabel(info: RequestInfo | undefined): string {
  if (info === undefined) return "other";
  if (info.isResource) return KNOWN_RESOURCES.has(info.resource) ? info.resource : "other";
  const [, first = ""] = info.path.split("/", 2);
  return KNOWN_PATHS.has(first) ? first : "other";
}
