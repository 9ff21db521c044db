import { parentPort, workerData } from "node:worker_threads";
import { spotCheck } from "./inspection/spot-check.ts";
import { answerOf } from "./task-answer.ts";

/** Spot-checks a ledger in a thread of its own, which can be ended. */
export interface SpotCheckTask {
  readonly file: string;
  readonly lastEntries: number;
}

if (parentPort) {
  const { file, lastEntries } = workerData as SpotCheckTask;
  parentPort.postMessage(await answerOf(() => spotCheck(file, lastEntries)));
}
