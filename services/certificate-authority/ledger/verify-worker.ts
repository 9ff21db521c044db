import { parentPort, workerData } from "node:worker_threads";
import type { VerificationProgress } from "../domain/ports.ts";
import { answerOf } from "./task-answer.ts";
import { loadJudge } from "./verification/certificate-judge.ts";
import { verifyFile } from "./verification/verify-file.ts";

/** Verifies the ledger in a thread of its own: it reads every row. */
export interface VerifyTask {
  readonly file: string;
  /** Where the judge of certificates is; without one their encodings are not looked into. */
  readonly judge?: string;
}

if (parentPort) {
  const port = parentPort;
  const { file, judge } = workerData as VerifyTask;
  const judgeCertificate = await loadJudge(judge);
  const onProgress = (progress: VerificationProgress): void => port.postMessage({ kind: "progress", progress });
  port.postMessage(await answerOf(() => verifyFile(file, { judge: judgeCertificate, onProgress })));
}
