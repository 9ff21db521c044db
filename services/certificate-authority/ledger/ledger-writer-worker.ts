import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createBatchExecutor } from "./batch-executor.ts";
import { openForWriting } from "./connection.ts";
import { boundFile } from "./file-room.ts";
import type { Operation, OperationOutcome } from "./operations.ts";

/** The thread that owns the write connection: one message in is one batch, one message out its outcomes. */
export interface WriterSettings {
  readonly file: string;
  readonly maximumRequests: number;
  /** The file never grows beyond this, the last part only by writes that make room; 0 for no bound. */
  readonly maximumBytes: number;
  /** For measuring only: how long to wait before each COMMIT, as a slower disk would. */
  readonly commitDelayMilliseconds: number;
}

export type MessageToWriter =
  | { readonly kind: "batch"; readonly operations: readonly Operation[] }
  | { readonly kind: "close" };

export type MessageFromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "outcomes"; readonly outcomes: readonly OperationOutcome[] };

if (parentPort) serve(parentPort, workerData as WriterSettings);

function serve(port: MessagePort, settings: WriterSettings): void {
  const connection = openForWriting(settings.file);
  const executor = createBatchExecutor(connection, {
    maximumRequests: settings.maximumRequests,
    room: settings.maximumBytes > 0 ? boundFile(connection, settings.maximumBytes) : undefined,
    ...(settings.commitDelayMilliseconds > 0 && { beforeCommit: () => sleep(settings.commitDelayMilliseconds) }),
  });
  const send = (message: MessageFromWriter) => port.postMessage(message);
  port.on("message", (message: MessageToWriter) => {
    if (message.kind === "batch") return send({ kind: "outcomes", outcomes: executor.run(message.operations) });
    connection.close();
    port.close();
  });
  send({ kind: "ready" });
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
