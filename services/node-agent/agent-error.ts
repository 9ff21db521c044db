/**
 * Why something was not done on this host.
 *
 * - `unusable`: the files, or what was asked for, have to be changed first
 * - `unreachable`: the server could not be reached, or could not answer; trying again may help
 * - `untrusted`: whoever answered does not have the certificate that was expected; trying again does not help
 * - `refused`: the server does not take this credential or this request
 * - `denied`: the request was denied, or marked as failed
 * - `pending`: nobody approved it in time; the next attempt goes on waiting for the same request
 * - `wrongAnswer`: the certificate that came is not the one that was asked for
 * - `reload`: the certificate was renewed, and the reload command failed
 */
export type AgentFailure =
  | "unusable"
  | "unreachable"
  | "untrusted"
  | "refused"
  | "denied"
  | "pending"
  | "wrongAnswer"
  | "reload";

/** The message names files, servers and requests, never keys. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly failure: AgentFailure;
  /** The way out, where the message does not show it. */
  readonly hint: string | undefined;

  constructor(failure: AgentFailure, message: string, options: ErrorOptions & { readonly hint?: string } = {}) {
    super(message, options);
    this.failure = failure;
    this.hint = options.hint;
  }
}
