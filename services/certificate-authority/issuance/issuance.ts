import { isStatusError, StatusError } from "../../shared/status-error.ts";
import { explainDecision } from "../approval/explain.ts";
import { awaitsSignature, type CertificateSigningRequest, isUndecided } from "../domain/certificate-signing-request.ts";
import { type Amended, amend } from "./amend.ts";
import type { Issuance, IssuanceDependencies } from "./contract.ts";
import { createAndWork } from "./create.ts";
import { beginCreation } from "./creation.ts";
import { decide } from "./decide.ts";
import { createFactsCache } from "./facts-cache.ts";
import { rehearse } from "./rehearse.ts";
import { createReviewer, type FreshRequest } from "./review.ts";
import { submit } from "./submit.ts";
import { withdraw } from "./withdraw.ts";
import { createWorkQueue, type WorkQueue } from "./work-queue.ts";

export type { Issuance, IssuanceDependencies } from "./contract.ts";

/** How long to wait before the backlog is read again when that failed, in milliseconds. */
const BACKLOG_RETRY_MS = 5000;

/** How many requests wait for hooks outside at a time: each costs some kilobytes, and no hook is fast enough to need more. */
const MAXIMUM_QUESTIONS = 20_000;

/** Puts the use cases and the work queue behind them together. Nothing is worked on before `start`. */
export function createIssuance(deps: IssuanceDependencies): Issuance {
  const { requests, observe, logger, settings } = deps;
  const cache = createFactsCache(deps.decoder, deps.configuredSigners, observe);
  const reviewer = createReviewer(deps, cache);
  const queue = createWorkQueue<FreshRequest>({
    concurrency: settings.concurrency,
    maximumQuestions: settings.maximumQuestions ?? MAXIMUM_QUESTIONS,
    clock: deps.clock,
    work: (name, fresh) => workUnlessGone(reviewer.work(name, fresh)),
    onError: (request, error, retryInMs) => {
      const level = isStatusError(error, "Conflict") ? "debug" : "warn";
      logger[level]({ request, retryInMs, err: error }, "could not finish the work on a request");
    },
  });
  const lifecycle = createLifecycle(deps, queue);

  function enqueue(csr: CertificateSigningRequest): void {
    if (!lifecycle.isRunning) return;
    if (isUndecided(csr) || awaitsSignature(csr)) queue.add(csr.metadata.name, { csr });
    else forget(csr.metadata.name);
  }

  function amended({ csr, effect, decision }: Amended): CertificateSigningRequest {
    if (decision) observe.decided(decision.outcome, "person", csr.spec.signerName);
    if (effect === "removed") forget(csr.metadata.name);
    if (effect === "stored") enqueue(csr);
    return csr;
  }

  deps.pending?.onSuperseded((name) => queue.add(name));

  function forget(name: string): void {
    queue.forget(name);
    deps.pending?.removeNamed(name);
  }

  const workers = { issuers: deps.issuers, reviewer, cache, queue, pending: deps.pending };
  return {
    async create(requester, draft, options) {
      if (queue.waiting >= settings.queueLimit) throw tooBusy();
      const submission = await submit(deps, cache, requester, draft);
      if (options.dryRun) return submission.csr;
      const creation = beginCreation(deps, submission);
      return lifecycle.isRunning ? createAndWork(workers, submission, creation) : creation.created();
    },

    async update(requester, name, target, change, options) {
      return amended(await amend(deps, { requester, name, target, change, options }));
    },

    async decide(requester, name, verdict) {
      return amended(await decide(deps, requester, name, verdict));
    },

    rehearse: (requester, draft) => rehearse(deps, cache, requester, draft),
    explain: explainDecision,

    async remove(requester, name, preconditions, options) {
      const withdrawal = { name, preconditions, options, removedBy: requester.username };
      const removal = await withdraw({ requests, clock: deps.clock }, withdrawal);
      if (options.dryRun || !removal.removed) return removal;
      forget(name);
      cache.forget(removal.object.metadata.uid);
      logger.info({ request: name, user: requester.username }, "deleted a request");
      return removal;
    },

    noticed: enqueue,
    forget,
    start: lifecycle.start,
    revisit: lifecycle.revisit,
    stop: lifecycle.stop,
    get depth() {
      return queue.depth;
    },
  };
}

/** A request that was deleted under the work needs none. */
async function workUnlessGone<T>(work: Promise<T>): Promise<T | "done"> {
  try {
    return await work;
  } catch (error) {
    if (isStatusError(error, "NotFound")) return "done";
    throw error;
  }
}

function tooBusy(): StatusError {
  return new StatusError("TooManyRequests", "too many requests wait for a decision; try again later", {
    details: { retryAfterSeconds: 1 },
  });
}

interface Lifecycle {
  readonly isRunning: boolean;
  readonly start: () => void;
  readonly revisit: () => void;
  readonly stop: () => Promise<void>;
}

function createLifecycle({ requests, logger }: IssuanceDependencies, queue: WorkQueue<FreshRequest>): Lifecycle {
  let isRunning = false;
  let stopped: Promise<void> | undefined;

  async function readBacklog(): Promise<void> {
    try {
      const names = await requests.unfinished();
      if (isRunning) queue.addBacklog(names);
    } catch (error) {
      logger.error({ err: error }, "could not read which requests are unfinished");
      if (isRunning) setTimeout(() => void readBacklog(), BACKLOG_RETRY_MS).unref();
    }
  }

  return {
    get isRunning() {
      return isRunning;
    },
    start() {
      if (isRunning || stopped) return;
      isRunning = true;
      void readBacklog();
    },
    revisit() {
      if (isRunning) void readBacklog();
    },
    stop() {
      stopped ??= queue.drain().then(() => {
        isRunning = false;
      });
      return stopped;
    },
  };
}
