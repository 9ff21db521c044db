import { createCollector } from "../../shared/collector.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { AnswerTo, Operation, OperationOutcome } from "./operations.ts";
import { fromRefusal, ledgerClosed, queueFull } from "./refusals.ts";

export interface QueueLimits {
  /** Operations in one transaction. */
  readonly maximumBatch: number;
  /** Operations that may wait. */
  readonly maximumQueuedOperations: number;
  /** Octets of objects that may wait. */
  readonly maximumQueuedBytes: number;
}

export interface BatchQueueDependencies {
  readonly limits: QueueLimits;
  /** Hands a batch to the writer; its outcomes come back through `receive`. */
  readonly send: (operations: readonly Operation[]) => void;
  /** Called once after each batch's `onCommitted` calls. */
  readonly onBatch: () => void;
  readonly logger: Logger;
}

/** Operations on their way to the writer and back. */
export interface BatchQueue {
  /**
   * Queues one operation; resolves after its COMMIT with what `onCommitted` made of the answer. `onCommitted` runs for
   * every operation in the order of their commits, before any of the batch's promises resolves.
   *
   * @param bytes - about how large the operation is.
   * @throws {StatusError} what the writer refused with; TooManyRequests when the queue is full.
   */
  submit<O extends Operation, T>(operation: O, bytes: number, onCommitted: (answer: AnswerTo<O>) => T): Promise<T>;
  /** Takes the outcomes of the batch that was sent last. */
  receive(outcomes: readonly OperationOutcome[]): void;
  /** Refuses everything, waiting or to come: the writer is no more. */
  fail(error: unknown): void;
  /** Refuses new operations and resolves when those that were accepted are answered. */
  drain(): Promise<void>;
}

interface Pending {
  readonly operation: Operation;
  readonly bytes: number;
  /** Takes the outcome in; returns what settles the promise. */
  readonly accept: (outcome: OperationOutcome) => () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Batches clock themselves: the operations of a few turns of the event loop go out together when the writer is idle, and
 * collect while it is at work.
 */
export function createBatchQueue({ limits, send, onBatch, logger }: BatchQueueDependencies): BatchQueue {
  const queue: Pending[] = [];
  let queuedBytes = 0;
  let inFlight: readonly Pending[] = [];
  const collector = createCollector(() => queue.length >= limits.maximumBatch, sendBatch);
  let refusal: (() => StatusError) | undefined;
  let onDrained: (() => void) | undefined;

  function schedule(): void {
    if (inFlight.length === 0) collector.start();
  }

  function sendBatch(): number {
    inFlight = queue.splice(0, limits.maximumBatch);
    for (const { bytes } of inFlight) queuedBytes -= bytes;
    if (inFlight.length > 0) send(inFlight.map(({ operation }) => operation));
    return inFlight.length;
  }

  function enqueue(pending: Pending): void {
    queuedBytes += pending.bytes;
    queue.push(pending);
    schedule();
  }

  return {
    submit(operation, bytes, onCommitted) {
      if (refusal) return Promise.reject(refusal());
      const isFull = queue.length >= limits.maximumQueuedOperations || queuedBytes >= limits.maximumQueuedBytes;
      if (isFull) return Promise.reject(queueFull());
      return new Promise((resolve, reject) => {
        const accept = (outcome: OperationOutcome) => {
          if (outcome.kind === "refused") return () => reject(fromRefusal(outcome.refusal));
          const value = onCommitted(outcome.answer as AnswerTo<typeof operation>);
          return () => resolve(value);
        };
        enqueue({ operation, bytes, accept, reject });
      });
    },

    receive(outcomes) {
      const settlements = inFlight.map(({ accept }, index) => accept(outcomes[index] ?? LOST));
      inFlight = [];
      logFailures(outcomes, logger);
      onBatch();
      for (const settle of settlements) settle();
      if (queue.length > 0) schedule();
      else onDrained?.();
    },

    fail(error) {
      const stopped = () => writerStopped(error);
      refusal = stopped;
      logger.fatal({ err: error }, "the ledger's writer thread ended");
      const abandoned = [...inFlight, ...queue.splice(0)];
      inFlight = [];
      for (const { reject } of abandoned) reject(stopped());
      onDrained?.();
    },

    async drain() {
      refusal ??= ledgerClosed;
      if (queue.length === 0 && inFlight.length === 0) return;
      await new Promise<void>((resolve) => (onDrained = resolve));
    },
  };
}

/** An outcome the writer did not send; it sends one for each operation, so this is a fault of ours. */
const LOST: OperationOutcome = {
  kind: "refused",
  refusal: { reason: "InternalError", message: "the ledger gave no answer", details: undefined, cause: undefined },
};

function writerStopped(cause: unknown): StatusError {
  return new StatusError("ServiceUnavailable", "the ledger's writer has stopped; restart Gatehouse", { cause });
}

function logFailures(outcomes: readonly OperationOutcome[], logger: Logger): void {
  const failures = outcomes.flatMap((outcome) => (outcome.kind === "refused" ? [outcome.refusal] : []));
  const unexpected = failures.find(({ cause }) => cause !== undefined);
  if (unexpected === undefined) return;
  logger.error({ cause: unexpected.cause, operations: failures.length }, unexpected.message);
}
