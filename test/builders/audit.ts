import { createDelivery } from "../../services/certificate-authority/access/audit/delivery.ts";
import { createMicroClock } from "../../services/certificate-authority/access/audit/micro-time.ts";
import { policyEvaluator } from "../../services/certificate-authority/access/audit/policy.ts";
import { parsePolicy } from "../../services/certificate-authority/access/audit/policy-file.ts";
import {
  type AuditMode,
  createRecorder,
  recordGuard,
} from "../../services/certificate-authority/access/audit/recorder.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { MemoryAuditSink } from "../fakes/memory-audit-sink.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

export interface AuditOptions {
  /** The policy's rules as YAML or JSON. */
  readonly rules?: string;
  readonly omitStages?: string;
  readonly mode?: AuditMode;
  readonly maxQueuedEvents?: number;
}

/** A recorder over a sink in memory; everything is recorded at level Metadata unless `rules` says otherwise. */
export function buildAudit(options: AuditOptions = {}) {
  const { rules = "[{ level: Metadata }]", omitStages = "[]", mode = "batch", maxQueuedEvents = 100 } = options;
  const text = `apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: ${omitStages}\nrules: ${rules}\n`;
  const sink = new MemoryAuditSink();
  const batching = { maxQueuedEvents, maxBatchEvents: 100, maxWaitMilliseconds: 0 };
  const logger = createLogger({ level: "silent" });
  const delivery = createDelivery({
    ...batching,
    ...{ sink, logger, isBlocking: mode === "blocking", observe: () => undefined },
  });
  const clock = createMicroClock(new SettableClock(), () => 0);
  const policy = policyEvaluator(parsePolicy(text, "the test's policy"));
  return {
    sink,
    delivery,
    recorder: createRecorder({ mode, policy, deliveries: [delivery], clock }),
    guard: recordGuard([delivery]),
    /** What was recorded, once everything pushed so far is kept. */
    events: async (): Promise<readonly AuditEvent[]> => {
      await delivery.kept();
      return sink.lines.map((line) => JSON.parse(line) as AuditEvent);
    },
  };
}

/** An event, as far as tests look at it by name. */
export interface AuditEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly level: string;
  readonly [field: string]: unknown;
}
