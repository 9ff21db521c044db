import { parentPort, workerData } from "node:worker_threads";
import { backUp } from "./backup.ts";
import { answerOf } from "./task-answer.ts";

/** Copies the ledger in a thread of its own: a large one takes seconds. */
export interface BackupTask {
  readonly file: string;
  readonly target: string;
}

if (parentPort) {
  const { file, target } = workerData as BackupTask;
  parentPort.postMessage(await answerOf(() => backUp(file, target)));
}
