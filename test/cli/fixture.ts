import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { stringify } from "yaml";
import type { CertificateAuthority } from "../../services/cli/certificate-authority.ts";
import type { BenchmarkPlace } from "../../services/cli/commands/bench.ts";
import type { Doctor } from "../../services/cli/doctor.ts";
import { loadNodeAgent } from "../../services/cli/node-agent.ts";
import { loadNodeAuthorizer } from "../../services/cli/node-authorizer.ts";
import { run } from "../../services/cli/program.ts";
import type { Terminal } from "../../services/cli/terminal.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import type { TlsIdentity } from "../builders/tls-identity.ts";

export const NOW = new Date("2026-01-02T03:04:05Z");

/** A terminal that remembers what was written. */
export function fakeTerminal(overrides: Partial<Terminal> & { readonly isTTY?: boolean } = {}) {
  const written = { stdout: "", stderr: "" };
  const { isTTY = false, ...terminal } = overrides;
  const sink = (name: "stdout" | "stderr") => ({
    isTTY,
    write: (chunk: string) => {
      written[name] += chunk;
    },
  });
  const directory = overrides.workingDirectory ?? temporaryDirectory();
  return {
    written,
    terminal: {
      stdout: sink("stdout"),
      stderr: sink("stderr"),
      environment: {},
      workingDirectory: directory,
      homeDirectory: directory,
      clock: { now: () => NOW },
      signal: new AbortController().signal,
      ...terminal,
    } satisfies Terminal,
  };
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends Partial<Terminal> {
  readonly isTTY?: boolean;
  readonly certificateAuthority?: Partial<CertificateAuthority>;
  readonly doctor?: Doctor;
  readonly benchmark?: BenchmarkPlace;
}

/** Runs one command line in this process. */
export async function gatehouse(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { certificateAuthority = {}, doctor, benchmark, ...overrides } = options;
  const { terminal, written } = fakeTerminal(overrides);
  const unexpected = async (): Promise<never> => {
    throw new Error("not expected to be called");
  };
  const code = await run(args, {
    terminal,
    loadCertificateAuthority: async () => ({
      serve: unexpected,
      control: unexpected,
      verifyLedgerFile: unexpected,
      replayPolicy: unexpected,
      initializePki: unexpected,
      checkPki: unexpected,
      testPolicy: unexpected,
      checkPolicy: unexpected,
      makeServiceCertificates: unexpected,
      ...certificateAuthority,
    }),
    loadDoctor: async () => doctor ?? unexpected(),
    loadNodeAuthorizer,
    loadNodeAgent,
    benchmark: benchmark ?? { checkout: "/nowhere/", run: unexpected },
  });
  return { code, ...written };
}

/** A request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** CN of the client's verified certificate. */
  readonly clientName: string | undefined;
  readonly body: string;
}

export type Answer = (seen: Seen, response: ServerResponse) => unknown;

export interface TestServer {
  readonly url: string;
  readonly seen: Seen[];
  /** A kubeconfig file that reaches this server with the token `abcdef.0123456789abcdef`. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

/** An HTTPS server that answers every request as told. */
export async function startServer(identity: TlsIdentity, answer: Answer): Promise<TestServer> {
  const seen: Seen[] = [];
  const server = await startListener(identity, async (request, response) => {
    const socket = request.socket as TLSSocket;
    const clientName = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined;
    const { method = "", url = "", headers } = request;
    const entry = { method, url, headers, clientName, body: await text(request) };
    seen.push(entry);
    await answer(entry, response);
  });
  return { ...server, seen };
}

/** An HTTPS server on a free port that asks for a client certificate. */
export async function startListener(
  identity: TlsIdentity,
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Omit<TestServer, "seen">> {
  const { certificatePem: cert, privateKeyPem: key } = identity.serving;
  const options = { cert, key, ca: identity.caPem, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => void listener(request, response));
  const url = `https://127.0.0.1:${await listenOn(server)}`;
  const kubeconfig = join(temporaryDirectory(), "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigText({ server: url, caPem: identity.caPem }));
  return { url, kubeconfig, close: () => close(server) };
}

async function listenOn(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

export const TOKEN = "abcdef.0123456789abcdef";

/** A kubeconfig with one context, `test`, of user `tester`; parts replace its cluster and its user whole. */
export function kubeconfigText(parts: {
  readonly server?: string;
  readonly caPem?: string;
  readonly cluster?: object;
  readonly user?: object;
}): string {
  const { server = "https://127.0.0.1:1", caPem, user = { token: TOKEN } } = parts;
  const authority = caPem && { "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  const cluster = { server, ...authority, ...parts.cluster };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "gatehouse", cluster }],
    users: [{ name: "tester", user }],
    contexts: [{ name: "test", context: { cluster: "gatehouse", user: "tester" } }],
    "current-context": "test",
  });
}

export function sendJson(response: ServerResponse, body: unknown, code = 200): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** A failure as the server words it. */
export function sendStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  details = {},
): void {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code };
  sendJson(response, status, code);
}
