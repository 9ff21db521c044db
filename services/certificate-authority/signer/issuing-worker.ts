import { parentPort, workerData } from "node:worker_threads";
import { createIssuingCore, type SigningIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingResult } from "./issuing-jobs.ts";

const core = createIssuingCore(workerData as SigningIssuer);

parentPort?.on("message", (jobs: readonly IssuingJob[]) => parentPort?.postMessage(work(jobs)));

/** Does a batch of jobs and answers in their order. A job that fails does not fail its neighbours. */
function work(jobs: readonly IssuingJob[]): readonly IssuingResult[] {
  const decodings = core.decode(jobs.flatMap((job) => (job.kind === "decode" ? job.requestBase64 : [])));
  const outcomes = core.sign(jobs.flatMap((job) => (job.kind === "sign" ? job.intent : [])));
  const decoded = decodings.map((decoding): IssuingResult => ({ kind: "decoded", decoding }));
  const signed = outcomes.map((outcome): IssuingResult => {
    if (outcome.kind === "signed") return outcome;
    const { reason, message, cause } = outcome.error;
    return { kind: "failed", reason, message, cause: String(cause) };
  });
  const [nextDecoded, nextSigned] = [decoded.values(), signed.values()];
  return jobs.flatMap(({ kind }) => (kind === "decode" ? nextDecoded : nextSigned).next().value ?? []);
}
