import { parentPort, workerData } from "node:worker_threads";
import { type FleetScanTask, scanFleet } from "./fleet-scan.ts";
import { answerOf } from "./task-answer.ts";

/** Reads the newest certificate of each holder in a thread of its own; the columns are handed over, not copied. */
if (parentPort) {
  const answer = await answerOf(() => scanFleet(workerData as FleetScanTask));
  const buffers =
    answer.kind === "done" ? Object.values(answer.result).filter((value) => ArrayBuffer.isView(value)) : [];
  parentPort.postMessage(
    answer,
    buffers.map(({ buffer }) => buffer as ArrayBuffer),
  );
}
