import { workerData } from "node:worker_threads";
import { isStatusError } from "../../shared/status-error.ts";
import { createIssuingCore, type SigningIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingResult } from "./issuing-jobs.ts";

const core = createIssuingCore(workerData as SigningIssuer);

/** Does a batch of jobs, one after the other. A job that fails does not fail its neighbours. */
export default function work(jobs: readonly IssuingJob[]): readonly IssuingResult[] {
  return jobs.map(perform);
}

function perform(job: IssuingJob): IssuingResult {
  try {
    switch (job.kind) {
      case "decode":
        return { kind: "decoded", decoding: core.decode(job.requestBase64) };
      case "sign":
        return { kind: "signed", certificate: core.sign(job.intent) };
      default:
        return job satisfies never;
    }
  } catch (error) {
    const cause = String(error instanceof Error ? (error.cause ?? error) : error);
    if (isStatusError(error)) return { kind: "failed", reason: error.reason, message: error.message, cause };
    return { kind: "failed", reason: "InternalError", message: "issuing failed", cause };
  }
}
