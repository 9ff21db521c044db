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

/** A kube-apiserver, as its kubeconfig says at each request: credentials that were renewed are used at once. */
export interface ApiServer {
  /** @throws {ApiServerError} for an answer that is no success; Error when there is none. */
  get(path: string, query: Readonly<Record<string, string>>): Promise<unknown>;
  /**
   * Resolves when the stream has ended; rejects when it broke off or never began.
   * @param onEvent - called in order; when it throws, the stream is given up with that error.
   */
  watch(
    path: string,
    query: Readonly<Record<string, string>>,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** @throws when there is no answer. */
  isAllowed(spec: AccessReviewSpec): Promise<boolean>;
}
