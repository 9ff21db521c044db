/** Where events go. */
export interface AuditSink {
  readonly name: "file" | "webhook";
  /** How long to wait after the first failure, and at most, before it is tried again, in milliseconds. */
  readonly retry: { readonly firstMilliseconds: number; readonly maxMilliseconds: number };
  /**
   * Takes events, each one line of JSON, in order; resolves when they are kept. No events at all: shows that it would.
   *
   * @throws when they could not be kept; nothing of them may count as kept then. `RejectedEventsError` when trying
   *   again is of no use.
   */
  write(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The receiver refuses these events for what they are. */
export class RejectedEventsError extends Error {
  override readonly name = "RejectedEventsError";
}
