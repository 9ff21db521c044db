import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { MessageFromWriter, WriterSettings } from "./ledger-writer-worker.ts";
import type { AnswerTo, Operation, OperationOutcome } from "./operations.ts";
import { fromRefusal, ledgerClosed, queueFull } from "./refusals.ts";
import { endWriterThread, postToWriter, startWriterThread } from "./writer-thread.ts";

export interface QueueLimits {
  /** Operations in one transaction. */
  readonly maximumBatch: number;
  /** Operations that may wait. */
  readonly maximumQueuedOperations: number;
  /** Octets of objects that may wait. */
  readonly maximumQueuedBytes: number;
}

/** The front thread's end of the writer thread. */
export interface BatchWriter {
  /**
   * Queues one operation; resolves after its COMMIT with what `onCommitted` made of the answer. `onCommitted` runs for
   * every operation in the order of their commits, before any of the batch's promises resolves.
   *
   * @param bytes - about how large the operation is.
   * @throws {StatusError} what the writer refused with; TooManyRequests when the queue is full.
   */
  submit<O extends Operation, T>(operation: O, bytes: number, onCommitted: (answer: AnswerTo<O>) => T): Promise<T>;
  /** Refuses new operations and resolves when those that were accepted are answered. */
  drain(): Promise<void>;
  /** Ends the thread; drain first. */
  end(): Promise<void>;
}

interface Pending {
  readonly operation: Operation;
  readonly bytes: number;
  /** Takes the outcome in; returns what settles the promise. */
  readonly accept: (outcome: OperationOutcome) => () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts the writer thread. Batches clock themselves: the operations of one turn of the event loop go out together when
 * the writer is idle, and collect while it is at work.
 *
 * @param onBatch - called once after each batch's `onCommitted` calls.
 */
export async function startBatchWriter(
  settings: WriterSettings,
  limits: QueueLimits,
  onBatch: () => void,
  logger: Logger,
): Promise<BatchWriter> {
  const worker = await startWriterThread(settings);
  const queue: Pending[] = [];
  let queuedBytes = 0;
  let inFlight: readonly Pending[] = [];
  let isScheduled = false;
  let isClosing = false;
  let isEnding = false;
  let failure: StatusError | undefined;
  let onDrained: (() => void) | undefined;

  function schedule(): void {
    if (isScheduled || inFlight.length > 0) return;
    isScheduled = true;
    setImmediate(sendBatch);
  }

  function sendBatch(): void {
    isScheduled = false;
    if (queue.length === 0) return;
    inFlight = queue.splice(0, limits.maximumBatch);
    for (const { bytes } of inFlight) queuedBytes -= bytes;
    postToWriter(worker, { kind: "batch", operations: inFlight.map(({ operation }) => operation) });
  }

  function receive({ outcomes }: Extract<MessageFromWriter, { kind: "outcomes" }>): void {
    const batch = inFlight;
    inFlight = [];
    const settlements = batch.map((pending, index) => pending.accept(outcomes[index] ?? LOST));
    logFailures(outcomes, logger);
    onBatch();
    for (const settle of settlements) settle();
    if (queue.length > 0) sendBatch();
    else onDrained?.();
  }

  function fail(error: unknown): void {
    if (failure) return;
    failure = new StatusError("ServiceUnavailable", "the ledger's writer has stopped; restart Gatehouse", {
      cause: error,
    });
    logger.fatal({ err: error }, "the ledger's writer thread ended");
    const abandoned = [...inFlight, ...queue.splice(0)];
    inFlight = [];
    for (const { reject } of abandoned) reject(failure);
    onDrained?.();
  }

  worker.on("message", (message: MessageFromWriter) => {
    if (message.kind === "outcomes") receive(message);
  });
  worker.on("error", fail);
  worker.on("exit", (code) => {
    if (!isEnding) fail(new Error(`writer thread exited with code ${code}`));
  });

  return {
    submit(operation, bytes, onCommitted) {
      if (isClosing) return Promise.reject(ledgerClosed());
      if (failure) return Promise.reject(failure);
      const isFull = queue.length >= limits.maximumQueuedOperations || queuedBytes >= limits.maximumQueuedBytes;
      if (isFull) return Promise.reject(queueFull());
      return new Promise((resolve, reject) => {
        const accept = (outcome: OperationOutcome) => {
          if (outcome.kind === "refused") return () => reject(fromRefusal(outcome.refusal));
          const value = onCommitted(outcome.answer as AnswerTo<typeof operation>);
          return () => resolve(value);
        };
        queuedBytes += bytes;
        queue.push({ operation, bytes, accept, reject });
        schedule();
      });
    },

    async drain() {
      isClosing = true;
      const isIdle = failure !== undefined || (queue.length === 0 && inFlight.length === 0);
      if (!isIdle) await new Promise<void>((resolve) => (onDrained = resolve));
    },

    async end() {
      isEnding = true;
      if (failure === undefined) await endWriterThread(worker);
    },
  };
}

/** An outcome the writer did not send; it sends one for each operation, so this is a fault of ours. */
const LOST: OperationOutcome = {
  kind: "refused",
  refusal: { reason: "InternalError", message: "the ledger gave no answer", details: undefined, cause: undefined },
};

function logFailures(outcomes: readonly OperationOutcome[], logger: Logger): void {
  const failures = outcomes.flatMap((outcome) => (outcome.kind === "refused" ? [outcome.refusal] : []));
  const unexpected = failures.find(({ cause }) => cause !== undefined);
  if (unexpected === undefined) return;
  logger.error({ cause: unexpected.cause, operations: failures.length }, unexpected.message);
}
