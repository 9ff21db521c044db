import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../../shared/logging.ts";
import { type AuditSink, RejectedEventsError } from "./sink.ts";

/** A success this fresh shows that a sink takes records. */
const FRESH_MILLISECONDS = 1000;
/** How often one outage is told again in the log. */
const REPEAT_MILLISECONDS = 60_000;
/** How long a stop waits for a sink that is slow. */
const CLOSE_MILLISECONDS = 5000;
/** Events with bodies are large: what waits is bounded by size too, in characters. */
const MAX_QUEUED_SIZE = 64 * 1024 * 1024;
const MAX_BATCH_SIZE = 8 * 1024 * 1024;

export interface DeliveryOptions {
  readonly sink: AuditSink;
  /** Nothing is dropped: what cannot be kept is tried until it can, and `kept` and `check` tell. */
  readonly isBlocking: boolean;
  readonly maxQueuedEvents: number;
  readonly maxBatchEvents: number;
  /** How long events may wait for others to go with; 0 when each is waited for. */
  readonly maxWaitMilliseconds: number;
  readonly logger: Pick<Logger, "warn" | "info" | "error">;
  /** Called once for several events; for metrics. */
  readonly observe: (outcome: "written" | "dropped" | "failed", events: number) => void;
}

/** Hands events to one sink, in order, in batches: while one is under way the next collects. */
export interface Delivery {
  /** The sink takes no records now. */
  readonly isFailing: boolean;
  /** There is no room for further events. */
  readonly isFull: boolean;
  push(line: string): void;
  /** Resolves when everything pushed so far is kept. @throws when the sink does not take it now. */
  kept(): Promise<void>;
  /** Resolves when the sink has just shown, or shows now, that it takes records. @throws when it does not. */
  check(): Promise<void>;
  /** Hands over what is left, once. */
  close(): Promise<void>;
}

interface Waiter {
  /** How many events must be kept. */
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { sink, isBlocking, maxQueuedEvents, maxBatchEvents, maxWaitMilliseconds, logger, observe } = options;
  let queue: string[] = [];
  let queuedSize = 0;
  let taken = 0;
  let done = 0;
  let failure: Error | undefined;
  let failures = 0;
  let provenAt = Number.NEGATIVE_INFINITY;
  let isProbeWanted = false;
  let waiters: Waiter[] = [];
  let running: Promise<void> | undefined;
  const outage = outageReports(options);
  const closing = new AbortController();
  let wake = new AbortController();

  const isFull = (): boolean => queue.length >= maxQueuedEvents || queuedSize >= MAX_QUEUED_SIZE;

  function start(): void {
    if (running !== undefined) return;
    running = run().finally(() => {
      running = undefined;
      // What came in after the last look.
      if (!closing.signal.aborted && (queue.length > 0 || isProbeWanted)) start();
    });
  }

  async function run(): Promise<void> {
    while (queue.length > 0 || isProbeWanted || failure !== undefined) {
      if (closing.signal.aborted) return;
      if (failure === undefined && !isProbeWanted && queue.length < maxBatchEvents) await pause(maxWaitMilliseconds);
      await attempt();
      if (failure !== undefined) await delayUnless(closing.signal, retryDelay());
    }
  }

  async function attempt(): Promise<void> {
    isProbeWanted = false;
    const batch = queue.slice(0, batchLength(queue, maxBatchEvents));
    try {
      await sink.write(batch);
      settle(batch.length, "written");
    } catch (error) {
      if (error instanceof RejectedEventsError && !isBlocking) {
        logger.warn({ sink: sink.name, events: batch.length, err: error }, "audit events were rejected and are lost");
        settle(batch.length, "dropped");
        return;
      }
      fail(error as Error);
    }
  }

  function settle(count: number, outcome: "written" | "dropped"): void {
    if (count > 0) observe(outcome, count);
    for (const line of queue.slice(0, count)) queuedSize -= line.length;
    queue = queue.slice(count);
    done += count;
    failures = 0;
    failure = undefined;
    provenAt = performance.now();
    outage.ended();
    const satisfied = waiters.filter(({ upTo }) => upTo <= done);
    waiters = waiters.filter(({ upTo }) => upTo > done);
    for (const { resolve } of satisfied) resolve();
  }

  function fail(error: Error): void {
    failures += 1;
    failure = error;
    observe("failed", 1);
    outage.failed(error, queue.length);
    for (const { reject } of waiters.splice(0)) reject(error);
  }

  function retryDelay(): number {
    const { firstMilliseconds, maxMilliseconds } = sink.retry;
    return Math.min(maxMilliseconds, firstMilliseconds * 2 ** Math.min(failures - 1, 20));
  }

  async function pause(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    wake = new AbortController();
    await delayUnless(AbortSignal.any([wake.signal, closing.signal]), milliseconds);
  }

  function waitFor(upTo: number): Promise<void> {
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => waiters.push({ upTo, resolve, reject }));
  }

  return {
    get isFailing() {
      return failure !== undefined;
    },
    get isFull() {
      return isFull();
    },
    push(line) {
      if (!isBlocking && isFull()) {
        observe("dropped", 1);
        outage.dropped();
        return;
      }
      queue.push(line);
      queuedSize += line.length;
      taken += 1;
      if (queue.length >= maxBatchEvents) wake.abort();
      start();
    },
    kept: () => (done >= taken && failure === undefined ? Promise.resolve() : waitFor(taken)),
    check() {
      if (failure !== undefined) return Promise.reject(failure);
      if (performance.now() - provenAt < FRESH_MILLISECONDS) return Promise.resolve();
      isProbeWanted = true;
      const shown = waitFor(taken);
      wake.abort();
      start();
      return shown;
    },
    async close() {
      closing.abort();
      const late = delay(CLOSE_MILLISECONDS, "late", { ref: false });
      const isIdle = (await Promise.race([running, late])) !== "late";
      while (isIdle && queue.length > 0) {
        const before = done;
        await attempt();
        if (done === before) break;
      }
      if (queue.length > 0) logger.error({ sink: sink.name, events: queue.length }, "audit events are lost: stopping");
      if (queue.length > 0) observe("dropped", queue.length);
      await sink.close();
    },
  };
}

/** How many of the first events go together: at least one. */
function batchLength(queue: readonly string[], maxEvents: number): number {
  let size = 0;
  let length = 0;
  for (const line of queue.slice(0, maxEvents)) {
    size += line.length;
    if (length > 0 && size > MAX_BATCH_SIZE) break;
    length += 1;
  }
  return length;
}

async function delayUnless(signal: AbortSignal, milliseconds: number): Promise<void> {
  await delay(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
}

/** Tells an outage when it begins, then once a minute, and when it is over. */
function outageReports({ sink, isBlocking, logger }: DeliveryOptions) {
  const consequence = isBlocking
    ? "an audit sink takes no records: nothing is signed and nothing may be changed until it does"
    : "an audit sink takes no records: they are kept for a while and then dropped";
  let since: number | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let dropped = 0;

  function tell(fields: object): void {
    if (performance.now() - toldAt < REPEAT_MILLISECONDS) return;
    toldAt = performance.now();
    logger.warn({ sink: sink.name, dropped, ...fields }, consequence);
  }

  return {
    failed(error: Error, waiting: number): void {
      since ??= performance.now();
      tell({ err: error, waiting });
    },
    dropped(): void {
      dropped += 1;
      tell({});
    },
    ended(): void {
      if (since === undefined && dropped === 0) return;
      const seconds = since === undefined ? 0 : Math.round((performance.now() - since) / 1000);
      logger.info({ sink: sink.name, dropped, seconds }, "an audit sink takes records again");
      since = undefined;
      toldAt = Number.NEGATIVE_INFINITY;
      dropped = 0;
    },
  };
}
