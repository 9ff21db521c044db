/**
 * Why a certificate was not renewed.
 *
 * - `unusable`: the files, or what was asked for, have to be changed first
 * - `unreachable`: the server could not be reached, or could not answer; trying again may help
 * - `refused`: the server does not take this credential or this request
 * - `denied`: the request was denied, or marked as failed
 * - `pending`: nobody approved it in time; the next attempt goes on waiting for the same request
 * - `wrongAnswer`: the certificate that came is not the one that was asked for
 * - `reload`: the certificate was renewed, and the reload command failed
 */
export type RenewalFailure = "unusable" | "unreachable" | "refused" | "denied" | "pending" | "wrongAnswer" | "reload";

/** The message names files, servers and requests, never keys. */
export class RenewalError extends Error {
  override readonly name = "RenewalError";
  readonly failure: RenewalFailure;

  constructor(failure: RenewalFailure, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.failure = failure;
  }
}
