import type { Clock } from "../../../shared/clock.ts";
import { readWebhookKubeconfig } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { RecordGuard } from "../../domain/ports.ts";
import { createDelivery, type DeliveryOptions } from "./delivery.ts";
import { openFileSink } from "./file-sink.ts";
import { createMicroClock } from "./micro-time.ts";
import { policyEvaluator } from "./policy.ts";
import { AuditConfigurationError, readPolicyFile } from "./policy-file.ts";
import { type AuditRecorder, createRecorder, recordGuard } from "./recorder.ts";
import type { AuditSettings } from "./settings.ts";
import type { AuditSink } from "./sink.ts";
import { createWebhookSink } from "./webhook-sink.ts";

export interface AuditDependencies {
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** For metrics: several events at once, by sink and what became of them. */
  readonly observe: (sink: AuditSink["name"], outcome: "written" | "dropped" | "failed", events: number) => void;
}

/** The record of what was asked. What was decided and signed is in the ledger's hash chain. */
export interface Audit {
  readonly recorder: AuditRecorder;
  /** Undefined when signing does not wait for the record. */
  readonly guard: RecordGuard | undefined;
  /** Hands over what waits; to be called when nothing is recorded any more. */
  close(): Promise<void>;
}

/** Writes of a file cost little each, and a request may wait for them, so few events go together for long. */
const FILE_BATCHING = { maxBatchEvents: 2000, maxWaitMilliseconds: 100, maxQueuedEvents: 50_000 };

/**
 * Opens the sinks and reads the policy.
 *
 * @throws {AuditConfigurationError} or a webhook kubeconfig's error when the policy or a sink cannot be used.
 */
export async function openAudit(settings: AuditSettings, deps: AuditDependencies): Promise<Audit> {
  const { policyFile, mode, file, webhook } = settings;
  const { clock, logger, observe } = deps;
  const isBlocking = mode === "blocking";
  const policy = policyEvaluator(readPolicyFile(policyFile));
  const deliver = (sink: AuditSink, batching: Omit<DeliveryOptions, "sink" | "isBlocking" | "logger" | "observe">) => {
    const maxWaitMilliseconds = isBlocking ? 0 : batching.maxWaitMilliseconds;
    const report: DeliveryOptions["observe"] = (outcome, events) => observe(sink.name, outcome, events);
    return createDelivery({ ...batching, maxWaitMilliseconds, sink, isBlocking, logger, observe: report });
  };
  const connection = webhook && readWebhookKubeconfig(webhook.kubeconfigFile);
  const sync = isBlocking ? "everyBatch" : "everySecond";
  const deliveries = [
    ...(file ? [deliver(await openFileSink({ ...file, sync, clock, logger }), FILE_BATCHING)] : []),
    ...(webhook && connection
      ? [
          deliver(createWebhookSink({ connection, timeoutSeconds: webhook.timeoutSeconds }), {
            maxBatchEvents: webhook.maxBatchEvents,
            maxWaitMilliseconds: webhook.maxWaitSeconds * 1000,
            maxQueuedEvents: webhook.maxQueuedEvents,
          }),
        ]
      : []),
  ];
  const guard = isBlocking ? recordGuard(deliveries) : undefined;
  const close = async (): Promise<void> => {
    await Promise.all(deliveries.map((delivery) => delivery.close()));
  };
  await guard?.check().catch(async (error: unknown) => {
    await close();
    throw unwritable(error as Error);
  });
  logger.info({ policyFile, mode, file: file?.path, webhook: connection?.url.origin }, "requests are audited");
  return {
    recorder: createRecorder({ mode, policy, deliveries, clock: createMicroClock(clock) }),
    guard,
    close,
  };
}

function unwritable({ cause }: Error): AuditConfigurationError {
  const reason = (cause as Partial<Error> | undefined)?.message ?? "";
  return new AuditConfigurationError(
    `the audit record cannot be written: ${reason}; with audit.mode blocking nothing is signed without it`,
    { cause },
  );
}
