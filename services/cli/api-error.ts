import { connectionProblem } from "../shared/connection-problem.ts";
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

/** Puts a failed connection into words. The error of an aborted `signal` and the like passes through unchanged. */
export function describeConnectionError(error: unknown, connection: Connection): unknown {
  const problem = connectionProblem(error);
  if (problem === undefined) return error;
  const { origin } = connection.server;
  const address = `The address comes from context "${connection.contextName}" of ${connection.source}.`;
  const [message, hint] = {
    unreachable: [`cannot connect to ${origin}: ${problem.words}`, `Is the server running? ${address}`],
    untrusted: [
      `cannot trust the certificate of ${origin}: ${problem.words}`,
      `Was this kubeconfig made for this server? ${address}`,
    ],
    tls: [`TLS with ${origin} failed: ${problem.words}`, `Check the certificate, key and CA in ${connection.source}.`],
  }[problem.kind] as [string, string];
  return new CommandError(message, hint, { cause: error });
}
