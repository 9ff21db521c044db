import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TlsIdentity } from "../builders/tls-identity.ts";
import { closeServer, listenOnLoopback } from "./loopback-server.ts";

export interface FakeNode {
  readonly metadata: { readonly name: string; resourceVersion?: string };
  readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
}

/** A Node with these addresses, all of them internal. */
export function node(name: string, ...addresses: readonly string[]): FakeNode {
  return { metadata: { name }, status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) } };
}

/** Answers on nodes as a kube-apiserver does, to whoever shows the token. */
export class NodesApiServer {
  readonly #nodes = new Map<string, FakeNode>();
  readonly #watches = new Set<ServerResponse>();
  readonly #server;
  readonly #token: string;
  readonly requests: string[] = [];
  /** Answered instead of anything else. */
  failure: number | undefined;
  #version = 1;

  constructor({ serving }: TlsIdentity, token: string) {
    this.#token = token;
    const options = { cert: serving.certificatePem, key: serving.privateKeyPem };
    this.#server = createServer(options, (request, response) => this.#answer(request, response));
  }

  async listen(): Promise<string> {
    return `https://${await listenOnLoopback(this.#server)}`;
  }

  put(...nodes: readonly FakeNode[]): void {
    for (const each of nodes) {
      const type = this.#nodes.has(each.metadata.name) ? "MODIFIED" : "ADDED";
      this.#nodes.set(each.metadata.name, each);
      this.#tell(type, each);
    }
  }

  remove(name: string): void {
    const gone = this.#nodes.get(name);
    this.#nodes.delete(name);
    if (gone !== undefined) this.#tell("DELETED", gone);
  }

  /** Ends all watches, as the API server does from time to time, or with an error. */
  endWatches(error?: object): void {
    for (const watch of this.#watches) {
      if (error !== undefined) watch.write(`${JSON.stringify({ type: "ERROR", object: error })}\n`);
      watch.end();
    }
    this.#watches.clear();
  }

  get watches(): number {
    return this.#watches.size;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  #tell(type: string, object: FakeNode): void {
    this.#version += 1;
    const changed = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
    for (const watch of this.#watches) watch.write(`${JSON.stringify({ type, object: changed })}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "", "https://host");
    this.requests.push(`${pathname}?${searchParams}`);
    const refusal = request.headers.authorization === `Bearer ${this.#token}` ? this.failure : 401;
    if (refusal === undefined) this.#show(pathname, searchParams, response);
    else response.writeHead(refusal).end();
  }

  #show(pathname: string, searchParams: URLSearchParams, response: ServerResponse): void {
    response.setHeader("content-type", "application/json");
    const name = pathname.slice("/api/v1/nodes/".length);
    if (name !== "") {
      this.#showOne(decodeURIComponent(name), response);
    } else if (searchParams.has("watch")) {
      response.flushHeaders();
      this.#watches.add(response);
    } else {
      this.#list(searchParams, response);
    }
  }

  #list(searchParams: URLSearchParams, response: ServerResponse): void {
    const from = Number(searchParams.get("continue") ?? 0);
    const limit = Number(searchParams.get("limit"));
    const all = [...this.#nodes.values()];
    const next = from + limit < all.length ? `${from + limit}` : "";
    const metadata = { resourceVersion: `${this.#version}`, ...(next && { continue: next }) };
    response.end(JSON.stringify({ metadata, items: all.slice(from, from + limit) }));
  }

  #showOne(name: string, response: ServerResponse): void {
    const found = this.#nodes.get(name);
    if (found === undefined) response.writeHead(404).end();
    else response.end(JSON.stringify(found));
  }
}
