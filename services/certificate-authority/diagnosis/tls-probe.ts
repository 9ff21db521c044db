import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";

export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  /** PEM; what the system trusts when undefined. */
  readonly caPem: string | undefined;
  readonly serverName?: string | undefined;
  readonly clientCertificatePem?: string | undefined;
  readonly clientKeyPem?: string | undefined;
}

/** What answers at an address. Nothing is sent but the handshake. */
export type Probe =
  | { readonly kind: "silent"; readonly reason: string }
  | { readonly kind: "notTls" }
  | {
      readonly kind: "tls";
      readonly certificate: X509Certificate;
      /** Why it is not trusted; undefined when it is. */
      readonly distrust: string | undefined;
    };

const CONNECTION_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EADDRNOTAVAIL",
  "EINVAL",
]);

/** Makes a TLS handshake and hangs up. Never throws. */
export function probeTls(target: TlsTarget, signal: AbortSignal): Promise<Probe> {
  const { host, port, caPem, clientCertificatePem, clientKeyPem } = target;
  const name = target.serverName ?? (isIP(host) ? "" : host);
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(name !== "" && { servername: name }),
      ...(caPem !== undefined && { ca: caPem }),
      ...(clientCertificatePem !== undefined && { cert: clientCertificatePem }),
      ...(clientKeyPem !== undefined && { key: clientKeyPem }),
      ALPNProtocols: ["http/1.1"],
      // Who it is, is what we want to know; nothing is told to it.
      rejectUnauthorized: false,
    });
    const end = (probe: Probe): void => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      resolve(probe);
    };
    const abort = (): void => end({ kind: "silent", reason: "it did not answer in time" });
    signal.addEventListener("abort", abort, { once: true });
    socket.once("secureConnect", () => end(seen(socket)));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const isConnecting = CONNECTION_CODES.has(error.code ?? "");
      end(isConnecting ? { kind: "silent", reason: error.code ?? "" } : { kind: "notTls" });
    });
    socket.once("end", () => end({ kind: "notTls" }));
  });
}

function seen(socket: TLSSocket): Probe {
  const { raw } = socket.getPeerCertificate() as DetailedPeerCertificate;
  const certificate = new X509Certificate(raw);
  const problem = socket.authorized ? undefined : socket.authorizationError;
  return { kind: "tls", certificate, distrust: problem === undefined ? undefined : String(problem) };
}
