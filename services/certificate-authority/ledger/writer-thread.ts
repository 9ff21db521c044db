import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { MessageToWriter, WriterSettings } from "./ledger-writer-worker.ts";

/** Resolves when the thread has the ledger open; rejects with what kept it from that. */
export function startWriterThread(settings: WriterSettings): Promise<Worker> {
  const file = new URL(`./ledger-writer-worker${extname(import.meta.filename)}`, import.meta.url);
  const worker = new Worker(file, { workerData: settings });
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", () => {
      worker.off("error", reject);
      resolve(worker);
    });
  });
}

/** Resolves when the thread has closed its connection and ended. */
export function endWriterThread(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.once("exit", () => resolve());
    postToWriter(worker, { kind: "close" });
  });
}

export function postToWriter(worker: Worker, message: MessageToWriter): void {
  worker.postMessage(message);
}
