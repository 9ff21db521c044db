import type { Status, StatusDetails } from "../shared/status-error.ts";
import { CommandError } from "./command-error.ts";
import type { Connection } from "./kubeconfig.ts";
import { printable } from "./terminal.ts";

/** The server answered, and the answer is no. */
export class ApiError extends CommandError {
  readonly code: number;
  /** Kubernetes' reason, e.g. `Conflict`; empty when the answer was no Status. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, status: Partial<Status> | undefined, connection: Connection, path: string) {
    super(
      printable(status?.message ?? `${connection.server.host} answered ${code} for ${path}`),
      hintFor(code, status, connection),
    );
    this.code = code;
    this.reason = status?.reason ?? "";
    this.details = status?.details;
  }
}

function hintFor(code: number, status: Partial<Status> | undefined, connection: Connection): string | undefined {
  const { userName, source } = connection;
  if (code === 401) {
    return `The server does not know the credentials of user "${userName}" in ${source}: they may have expired. Use another --kubeconfig or --context.`;
  }
  if (code === 403) return `User "${userName}" of ${source} may not do this. Use another --kubeconfig or --context.`;
  if (code === 429) return `Try again in ${status?.details?.retryAfterSeconds ?? 1} s.`;
  if (status === undefined) return `Is ${connection.server.origin} a Gatehouse server? It is the address in ${source}.`;
  return undefined;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
  ETIMEDOUT: "it did not answer",
  EPROTO: "it does not speak TLS",
};

const UNTRUSTED: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "it is signed by a CA that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "it is signed by a CA that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "it is signed by a CA that is not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "it is signed by a CA that is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed and not trusted",
  CERT_SIGNATURE_FAILURE: "it is not signed by the CA that is trusted",
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet; compare the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
};

/** Puts a failed connection into words. The error of an aborted `signal` and the like passes through unchanged. */
export function describeConnectionError(error: unknown, connection: Connection): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  const { origin } = connection.server;
  const address = `The address comes from context "${connection.contextName}" of ${connection.source}.`;
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) {
    return new CommandError(`cannot connect to ${origin}: ${unreachable}`, `Is the server running? ${address}`, {
      cause: error,
    });
  }
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) {
    const hint = `Was this kubeconfig made for this server? ${address}`;
    return new CommandError(`cannot trust the certificate of ${origin}: ${untrusted}`, hint, { cause: error });
  }
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_OSSL") || code.startsWith("ERR_TLS")) {
    const hint = `Check the certificate, key and CA in ${connection.source}.`;
    return new CommandError(`TLS with ${origin} failed: ${code}`, hint, { cause: error });
  }
  return error;
}
