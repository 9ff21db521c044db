import type { Logger } from "../../../shared/logging.ts";
import type { ExpiryRecords } from "../../domain/expiry-records.ts";
import type { Target } from "./targets.ts";

export interface DeliveryOptions {
  readonly records: Pick<ExpiryRecords, "waiting" | "settle">;
  readonly targets: readonly Target[];
  readonly logger: Pick<Logger, "info" | "warn">;
  readonly observe: (target: string, outcome: "delivered" | "failed", notices: number) => void;
  /** Runs something later; what it returns keeps that from happening. */
  readonly later?: (seconds: number, run: () => void) => () => void;
  readonly random?: () => number;
}

/** Hands the notices of the outboxes over: each at least once, in order, the same to all targets but at their own pace. */
export interface Delivery {
  /** Looks into the outboxes; who failed before is left alone until its time. Resolves when all were told, or failed. */
  deliver(): Promise<void>;
  /** Breaks off what goes on: what was not confirmed is told again after the next start. */
  close(): Promise<void>;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { records, targets, logger, observe, later = laterByTimer, random = Math.random } = options;
  const ending = new AbortController();
  const lines = targets.map((target) => createLine(target));

  function createLine(target: Target) {
    let failures = 0;
    let running: Promise<void> | undefined;
    let cancel: (() => void) | undefined;

    async function tellAll(): Promise<void> {
      while (!ending.signal.aborted) {
        const waiting = await records.waiting(target.name, target.batch);
        if (waiting.length === 0) return;
        await target.tell(messageOf(target.name, waiting), ending.signal);
        await records.settle(waiting.map(({ id }) => id));
        if (failures > 0) logger.info({ target: target.name }, "a target of notifications takes them again");
        failures = 0;
        observe(target.name, "delivered", waiting.length);
      }
    }

    function failed(error: unknown): void {
      if (ending.signal.aborted) return;
      const { firstSeconds, maximumSeconds } = target.retry;
      const pauseSeconds = Math.min(maximumSeconds, firstSeconds * 2 ** failures) * (0.5 + random() / 2);
      failures += 1;
      observe(target.name, "failed", 1);
      const problem = (error as Error).message;
      logger.warn({ target: target.name, failures, pauseSeconds, problem }, "a target of notifications was not told");
      cancel = later(pauseSeconds, () => {
        cancel = undefined;
        void run();
      });
    }

    function run(): Promise<void> {
      if (cancel !== undefined || ending.signal.aborted) return Promise.resolve();
      running ??= tellAll()
        .catch(failed)
        .finally(() => {
          running = undefined;
        });
      return running;
    }

    return {
      run,
      async close() {
        cancel?.();
        await running;
        await target.close();
      },
    };
  }

  return {
    deliver: async () => void (await Promise.all(lines.map((line) => line.run()))),
    async close() {
      ending.abort();
      await Promise.all(lines.map((line) => line.close()));
    },
  };
}

/** JSON without line breaks; the items are JSON already. */
function messageOf(target: string, waiting: readonly { readonly document: string }[]): string {
  const head = JSON.stringify({ apiVersion: "gatehouse.dev/v1", kind: "ExpiryNotification", target });
  return `${head.slice(0, -1)},"items":[${waiting.map(({ document }) => document).join(",")}]}`;
}

function laterByTimer(seconds: number, run: () => void): () => void {
  const timer = setTimeout(run, seconds * 1000);
  timer.unref();
  return () => clearTimeout(timer);
}
