/** An answer of the API server that is no success. */
export class ApiServerError extends Error {
  override readonly name = "ApiServerError";
  readonly statusCode: number;

  constructor(statusCode: number, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.statusCode = statusCode;
  }
}

/** What a SubjectAccessReview asks. */
export interface AccessReviewSpec {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** Event of a watch, as it came. */
export interface WatchEvent {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>>;
}

export interface WatchHandlers {
  /** The server has accepted: nothing had happened until now that it has not told. */
  readonly onOpen: () => void;
  /** Called in order; when it throws, the stream is given up with that error. */
  readonly onEvent: (event: WatchEvent) => void;
}

/** A kube-apiserver, as its kubeconfig says at each request: credentials that were renewed are used at once. */
export interface ApiServer {
  /** @throws {ApiServerError} for an answer that is no success; Error when there is none, or `signal` fired. */
  get(path: string, query: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<unknown>;
  /**
   * Resolves when the stream has ended; rejects when it broke off or never began.
   * A server that is silent for half a minute is left, as if it had ended the stream.
   */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    handlers: WatchHandlers,
    signal: AbortSignal,
  ): Promise<void>;
  /** @throws when there is no answer. */
  isAllowed(spec: AccessReviewSpec): Promise<boolean>;
}
