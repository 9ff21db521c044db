import { hash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { StatusError } from "../../shared/status-error.ts";
import { createIssuingCore, createKeyMemory, type IssuingCore, type LocalIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingMessage, IssuingResult, IssuingWorkerData } from "./issuing-jobs.ts";

type SignJob = Extract<IssuingJob, { kind: "sign" }>;
type RemoteJob = Extract<IssuingJob, { kind: "prepare" | "finish" }>;

const keys = createKeyMemory();
const { acceptsMlDsa, issuers: firstIssuers } = workerData as IssuingWorkerData;
let cores = coresOf(firstIssuers);

parentPort?.on("message", (message: IssuingMessage) => {
  if ("issuers" in message) cores = coresOf(message.issuers);
  else parentPort?.postMessage(work(message));
});

/** A core for each issuer, by the issuer's id. */
function coresOf(issuers: readonly LocalIssuer[]): ReadonlyMap<string, IssuingCore> {
  return new Map(
    issuers.map((issuer) => {
      const id = hash("sha256", issuer.certificateDer);
      return [id, createIssuingCore(issuer, keys, { acceptsMlDsa })];
    }),
  );
}

/** Does a batch of jobs and answers in their order. A job that fails does not fail its neighbours. */
function work(jobs: readonly IssuingJob[]): readonly IssuingResult[] {
  const decoded = decode(jobs.flatMap((job) => (job.kind === "decode" ? job.requestBase64 : []))).values();
  const signed = sign(jobs.filter((job) => job.kind === "sign")).values();
  return jobs.flatMap((job) => {
    if (job.kind === "prepare" || job.kind === "finish") return assist(job);
    return (job.kind === "decode" ? decoded : signed).next().value ?? [];
  });
}

/** Whichever core does it: what a request says is the same under every issuer. */
function decode(requests: readonly string[]): readonly IssuingResult[] {
  const [core] = cores.values();
  return core?.decode(requests).map((decoding): IssuingResult => ({ kind: "decoded", decoding })) ?? [];
}

/** Jobs of one issuer are signed together; batches seldom have more than one. */
function sign(jobs: readonly SignJob[]): readonly IssuingResult[] {
  const results = new Map<SignJob, IssuingResult>();
  for (const issuerId of new Set(jobs.map((job) => job.issuerId))) {
    const group = jobs.filter((job) => job.issuerId === issuerId);
    const outcomes = cores.get(issuerId)?.sign(group.map(({ intent }) => intent));
    for (const [index, job] of group.entries()) results.set(job, resultOf(outcomes?.[index]));
  }
  return jobs.map((job) => results.get(job) ?? resultOf(undefined));
}

/** What is to be done before and after a key that is elsewhere has signed. */
function assist(job: RemoteJob): IssuingResult {
  const core = cores.get(job.issuerId);
  if (core === undefined) return resultOf(undefined);
  const outcome = job.kind === "prepare" ? core.prepare(job.intent) : core.finish(job.prepared, job.signature);
  return outcome.kind === "prepared" ? outcome : resultOf(outcome);
}

function resultOf(outcome: ReturnType<IssuingCore["sign"]>[number] | undefined): IssuingResult {
  if (outcome?.kind === "signed") return outcome;
  const { reason, message, cause } = outcome?.error ?? REPLACED;
  return { kind: "failed", reason, message, cause: String(cause) };
}

/** Only what was asked for right before a change of issuers; the next attempt names the new one. */
const REPLACED = new StatusError("ServiceUnavailable", "the issuer was replaced meanwhile; try again");
