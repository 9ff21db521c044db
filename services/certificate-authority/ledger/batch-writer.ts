import { type BatchQueue, type BatchQueueDependencies, createBatchQueue } from "./batch-queue.ts";
import type { MessageFromWriter, WriterSettings } from "./ledger-writer-worker.ts";
import { endWriterThread, postToWriter, startWriterThread } from "./writer-thread.ts";

/** The front thread's end of the writer thread. */
export interface BatchWriter extends Pick<BatchQueue, "submit" | "drain"> {
  /** Ends the thread; drain first. */
  end(): Promise<void>;
}

/** Starts the writer thread and the queue before it; rejects when the thread cannot open the ledger. */
export async function startBatchWriter(
  settings: WriterSettings,
  dependencies: Omit<BatchQueueDependencies, "send">,
): Promise<BatchWriter> {
  const worker = await startWriterThread(settings);
  const send: BatchQueueDependencies["send"] = (operations) => postToWriter(worker, { kind: "batch", operations });
  const queue = createBatchQueue({ ...dependencies, send });
  let hasEnded = false;
  const fail = (error: unknown) => {
    if (!hasEnded) queue.fail(error);
    hasEnded = true;
  };
  worker.on("message", (message: MessageFromWriter) => {
    if (message.kind === "outcomes") queue.receive(message.outcomes);
  });
  worker.on("error", fail);
  worker.on("exit", (code) => fail(new Error(`writer thread exited with code ${code}`)));
  return {
    submit: (operation, bytes, onCommitted) => queue.submit(operation, bytes, onCommitted),
    drain: () => queue.drain(),
    async end() {
      if (hasEnded) return;
      hasEnded = true;
      await endWriterThread(worker);
    },
  };
}
