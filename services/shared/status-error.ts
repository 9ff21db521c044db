const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof CODES;

/** One `details.causes[]` entry; `reason` is a Kubernetes cause type such as `FieldValueInvalid`. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The plural resource for 403, 404 and 409; the Kind for 422, as kube-apiserver has it. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The `metav1.Status` body of a failure. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/**
 * The one error that crosses rooms and that a caller may read. `message` is public; put internals in `options.cause`.
 * Anything else that is thrown becomes a bare 500 at the edge.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go (Status, StatusReason).
 */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;

  constructor(reason: StatusReason, message: string, options: ErrorOptions & { details?: StatusDetails } = {}) {
    super(message, options);
    this.reason = reason;
    this.code = CODES[reason];
    this.details = options.details;
  }

  toStatus(): Status {
    const { reason, code, message, details } = this;
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      ...(details && { details }),
      code,
    };
  }
}

/**
 * Whether `error` is a StatusError, optionally of one reason. Works on values that crossed a realm, where `instanceof`
 * does not.
 */
export function isStatusError(error: unknown, reason?: StatusReason): error is StatusError {
  if (typeof error !== "object" || error === null) return false;
  const candidate = error as Partial<StatusError>;
  return candidate.name === "StatusError" && (reason === undefined || candidate.reason === reason);
}
