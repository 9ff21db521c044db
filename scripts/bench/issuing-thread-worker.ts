import { parentPort, workerData } from "node:worker_threads";
import { createIssuingWork, ISSUING_BATCH, type IssuingFiles } from "./issuing-work.ts";
import { operationsPerSecond } from "./timing.ts";

// Warm before anybody counts; each message then asks for a number of seconds of work and is answered with the rate.
const work = createIssuingWork(workerData as IssuingFiles);
operationsPerSecond(work, 0.3);
parentPort?.on("message", (seconds: number) => {
  parentPort?.postMessage(operationsPerSecond(work, seconds) * ISSUING_BATCH);
});
parentPort?.postMessage("ready");
