import type { UserInfo } from "../../../shared/user-info.ts";

/** What a request shows besides a bearer token. */
export interface ShownByRequest {
  /** Has passed the TLS layer's check against the cluster's CAs or, when front proxies are configured, theirs. */
  readonly clientCertificateDer: Uint8Array | undefined;
  /** The certificates between the client's and a CA, as the client sent them. */
  readonly intermediatesDer?: (() => readonly Uint8Array[]) | undefined;
  /** Names in lower case; each value as it stood in a header line of its own, one character an octet. */
  readonly headers?: (() => Readonly<Record<string, readonly string[] | undefined>>) | undefined;
}

/**
 * What an authenticator makes of what it is shown: a user; nothing, because it is not for this authenticator; or
 * something that must not be accepted. Reasons are for the log: callers learn none.
 */
export type Outcome =
  | {
      readonly kind: "user";
      readonly user: UserInfo;
      /** From this instant on the credential has to be looked at again. */
      readonly validUntil?: Date;
    }
  | { readonly kind: "nobody" }
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** Whether showing the same again a moment later cannot end differently. */
      readonly isLasting: boolean;
    };

/** Judges the connection and the headers of a request. */
export interface RequestAuthenticator {
  readonly name: string;
  readonly judges: "request";
  authenticate(shown: ShownByRequest): Outcome;
}

/** Judges bearer tokens. */
export interface TokenAuthenticator {
  readonly name: string;
  readonly judges: "token";
  authenticate(token: string): Outcome | Promise<Outcome>;
}

export type Authenticator = RequestAuthenticator | TokenAuthenticator;

/** An authenticator's settings or files that cannot be used; the message names the way out. */
export class AuthenticationSetupError extends Error {
  override readonly name = "AuthenticationSetupError";
}

export function refused(reason: string, isLasting = true): Extract<Outcome, { readonly kind: "refused" }> {
  return { kind: "refused", reason, isLasting };
}

export const NOBODY: Outcome = { kind: "nobody" };
