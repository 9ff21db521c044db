import { parentPort } from "node:worker_threads";
import type { IssuingJob, IssuingResult } from "../../../services/certificate-authority/signer/issuing-jobs.ts";

/** Stands in for the issuing worker: the request `die` ends its thread, everything else is echoed as a refusal. */
parentPort?.on("message", (jobs: readonly IssuingJob[]) => parentPort?.postMessage(work(jobs)));

function work(jobs: readonly IssuingJob[]): readonly IssuingResult[] {
  return jobs.map((job) => {
    const message = job.kind === "decode" ? job.requestBase64 : "";
    if (message === "die") process.exit(1);
    return { kind: "decoded", decoding: { kind: "invalid", message } };
  });
}
