import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import type { LeafFiles } from "./client-certificates.ts";

export interface SignerProxyOptions {
  /** What it shows to those who call it. */
  readonly serving: LeafFiles;
  /** Who signs the client certificates that it lets in. */
  readonly clientCaPem: string;
  /** The front proxy's certificate, which both servers know. */
  readonly proxy: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Where certificates.k8s.io is served, and everything else. */
  readonly signer: Upstream;
  readonly cluster: Upstream;
}

export interface Upstream {
  readonly url: string;
  readonly caPem: string;
}

const SIGNER_PATH = /^\/apis\/certificates\.k8s\.io(\/|$)/;

/**
 * One address for a cluster whose certificates somebody else signs: a front proxy that authenticates client
 * certificates and says to a kube-apiserver, or to Gatehouse, who it was.
 */
export class SignerProxy {
  readonly #options: SignerProxyOptions;
  readonly #server;
  readonly #agents: readonly Agent[];

  constructor(options: SignerProxyOptions) {
    const { serving, clientCaPem, proxy } = options;
    this.#options = options;
    this.#server = createServer(
      {
        ...{ cert: readFileSync(serving.certificateFile), key: readFileSync(serving.keyFile), ca: clientCaPem },
        ...{ requestCert: true, rejectUnauthorized: false },
      },
      (incoming, outgoing) => this.#forward(incoming, outgoing),
    );
    const pair = { cert: proxy.certificatePem, key: proxy.privateKeyPem, keepAlive: true };
    this.#agents = [options.signer, options.cluster].map(({ caPem }) => new Agent({ ...pair, ca: caPem }));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    for (const agent of this.#agents) agent.destroy();
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { signer, cluster } = this.#options;
    const isSigner = SIGNER_PATH.test(new URL(incoming.url ?? "/", "https://host").pathname);
    const upstream = request((isSigner ? signer : cluster).url, {
      path: incoming.url,
      method: incoming.method,
      headers: headersFor(incoming),
      agent: this.#agents[isSigner ? 0 : 1],
    });
    upstream.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("error", () => outgoing.destroy()).pipe(outgoing);
      outgoing.flushHeaders();
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  }
}

/** The caller's own headers on identity are dropped; whoever showed no certificate speaks by its token. */
function headersFor({ headers, socket }: IncomingMessage): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !/^x-remote-|^host$/.test(name));
  const tls = socket as TLSSocket;
  if (!tls.authorized) return Object.fromEntries(kept);
  const { CN, O } = tls.getPeerCertificate().subject;
  return { ...Object.fromEntries(kept), "x-remote-user": CN, "x-remote-group": O };
}
