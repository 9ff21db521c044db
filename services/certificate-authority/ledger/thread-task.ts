import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/** What a short-lived thread answers: results as they are, failures as text, for the classes do not cross. */
export type TaskAnswer<T> =
  | { readonly kind: "done"; readonly result: T }
  | { readonly kind: "failed"; readonly message: string; readonly code: string | undefined };

/** What it says before that of how far it is. */
interface TaskProgress<P> {
  readonly kind: "progress";
  readonly progress: P;
}

/** A failure of a thread's task. `code` is the code of the error it threw there, e.g. `EEXIST`. */
export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs the worker module of that name (`<name>-worker`, beside this file) once, in its own thread, and resolves with
 * its answer. `signal` ends the thread, at the latest when SQLite returns to it.
 */
export function runTask<T, P = never>(
  name: "backup" | "verify" | "spot-check" | "fleet-scan",
  workerData: unknown,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (progress: P) => void } = {},
): Promise<T> {
  const file = new URL(`./${name}-worker${extname(import.meta.filename)}`, import.meta.url);
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData });
    signal?.addEventListener("abort", () => void worker.terminate(), { once: true });
    worker.on("message", (answer: TaskAnswer<T> | TaskProgress<P>) => {
      if (answer.kind === "progress") onProgress?.(answer.progress);
      else if (answer.kind === "done") resolve(answer.result);
      else reject(new TaskError(answer.message, answer.code));
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new TaskError(`the ${name} thread ended without an answer`, undefined)));
  });
}
