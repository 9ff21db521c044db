import { parentPort, workerData } from "node:worker_threads";
import { answerOf } from "./task-answer.ts";
import { verifyFile } from "./verification/verify-file.ts";

/** Verifies the ledger in a thread of its own: it reads every row. */
export interface VerifyTask {
  readonly file: string;
}

if (parentPort) {
  const { file } = workerData as VerifyTask;
  parentPort.postMessage(await answerOf(() => verifyFile(file)));
}
