/** What a client does, once for each certificate. */
export type Pattern =
  /** New TLS connection, GET /, close: the least that any join costs. */
  | "floor"
  /** New TLS connection, POST of a request with a bootstrap token, watch until the certificate is there, close. */
  | "join"
  /** New TLS connection, POST to cfssl's sign endpoint, close. */
  | "cfsslSign"
  /** New TLS connection, POST to the naive server, GET of the certificate, close. */
  | "naiveJoin"
  /** Kept-alive connections and one watch of everything for all of them: POST, then the certificate's event. */
  | "createAndWatch"
  /** Kept-alive connections: POST of a request, nothing else. */
  | "create"
  /** Kept-alive connections: POST to cfssl's sign endpoint. */
  | "cfsslSignKeptAlive";

export interface LoadJob {
  readonly pattern: Pattern;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** Bearer token, for the patterns that show one. */
  readonly token?: string;
  /** PEM of the CA that signs; certificates are checked against it. */
  readonly caPem: string;
  /** How many clients work at the same time. */
  readonly concurrency: number;
  /** New work is taken up until this many seconds have passed; what was begun is finished. */
  readonly seconds?: number;
  /** No more than this much work. One of the two must be given. */
  readonly count?: number;
  /** Which of the prepared requests is used first, so that no two rounds against a server use the same. */
  readonly firstRequest: number;
  /** One in so many certificates is checked; 0 for none. */
  readonly checkEvery: number;
  /** Whether the fingerprints of all certificates are wanted. */
  readonly collectFingerprints?: boolean;
  /** Errors are the expected end, as when the server is killed under the load: the first one ends the job. */
  readonly stopAtError?: boolean;
}

export interface LoadResult {
  /** Pieces of work done, those that were finished after the time was up included. */
  readonly completed: number;
  /** Of these, how many a second: over the whole work when a count was given, else as `SteadyWindow` counts within the time. */
  readonly perSecond: number;
  readonly failed: number;
  /** The first few messages. */
  readonly errors: readonly string[];
  readonly wallSeconds: number;
  /** The generator's own user and system time. */
  readonly cpuMicroseconds: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** How many certificates were checked: chain, key, subject. */
  readonly checked: number;
  /** Lower-case hex SHA-256 of each certificate, when they were asked for. */
  readonly fingerprints: readonly string[];
}

export type MessageToGenerator = { readonly kind: "run"; readonly job: LoadJob };
export type MessageFromGenerator =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly message: string };
