import { StatusError } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { RecordGuard } from "../../domain/ports.ts";
import type { Delivery } from "./delivery.ts";
import type { RequestFacts } from "./event.ts";
import type { MicroClock } from "./micro-time.ts";
import type { AuditDecision, AuditedAttributes, PolicyEvaluator } from "./policy.ts";
import { AuditRecord } from "./record.ts";

/**
 * `batch` drops events that cannot be kept. `blocking` lets nothing happen that it cannot record: a request that may
 * change something waits for its event RequestReceived, which is written even where the policy omits that stage.
 */
export type AuditMode = "batch" | "blocking";

const READING_VERBS = new Set(["get", "list", "watch", "head", "options"]);
/** Whoever watches over the process must be able to tell a full disk from a dead process. */
const HEALTH_PATHS = new Set(["/livez", "/readyz", "/healthz", "/metrics"]);
const RETRY_AFTER_SECONDS = 5;
const RECEIVED = "RequestReceived";

/** What the edge tells of every request. */
export interface AuditRecorder {
  /**
   * What the policy has recorded of a request; undefined for nothing.
   *
   * @param user - who authenticated; undefined when nobody did.
   */
  decide(user: UserInfo | undefined, request: AuditedAttributes): AuditDecision | undefined;
  /** Microseconds since 1970. */
  now(): number;
  begin(decision: AuditDecision, facts: RequestFacts, receivedAt: number): AuditRecord;
  /**
   * To be awaited before a request takes effect, recorded or not; undefined when there is nothing to wait for.
   *
   * @throws {StatusError} ServiceUnavailable when it could not be recorded.
   */
  admit(record: AuditRecord | undefined, request: AuditedAttributes): Promise<void> | undefined;
}

export interface RecorderDependencies {
  readonly mode: AuditMode;
  readonly policy: PolicyEvaluator;
  readonly deliveries: readonly Delivery[];
  readonly clock: MicroClock;
}

export function createRecorder({ mode, policy, deliveries, clock }: RecorderDependencies): AuditRecorder {
  const emit = (line: string): void => {
    for (const delivery of deliveries) delivery.push(line);
  };
  return {
    decide(user, request) {
      const decision = policy.decide(user, request);
      return decision.level === "None" ? undefined : decision;
    },
    now: () => clock.now(),
    begin(decision, facts, receivedAt) {
      // Where effects wait for the record there must be one to wait for.
      const alwaysTold = mode === "blocking" && !READING_VERBS.has(facts.request.verb) ? RECEIVED : undefined;
      return new AuditRecord({ clock, emit, alwaysTold }, decision, facts, receivedAt);
    },
    admit(record, { verb, path }) {
      if (mode === "batch") return undefined;
      if (!READING_VERBS.has(verb)) return shown(record === undefined ? "check" : "kept", deliveries);
      if (record === undefined || HEALTH_PATHS.has(path) || !deliveries.some(({ isFull }) => isFull)) return undefined;
      return Promise.reject(unrecordable());
    },
  };
}

/** What signers ask before they sign. */
export function recordGuard(deliveries: readonly Delivery[]): RecordGuard {
  return { check: () => shown("check", deliveries) };
}

/** `kept`: what was pushed so far is on record. `check`: a record could be made. */
async function shown(what: "kept" | "check", deliveries: readonly Delivery[]): Promise<void> {
  try {
    await Promise.all(deliveries.map((delivery) => delivery[what]()));
  } catch (cause) {
    throw unrecordable(cause);
  }
}

function unrecordable(cause?: unknown): StatusError {
  return new StatusError("ServiceUnavailable", "this cannot be put on the audit record now, so it is not done", {
    cause,
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
