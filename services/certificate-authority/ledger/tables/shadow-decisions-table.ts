import type { Outcome, TraceEntry } from "../../domain/decision.ts";
import type { ShadowRecord } from "../../domain/shadow.ts";
import type { Connection } from "../connection.ts";

export interface ShadowDecisionRow {
  readonly atMilliseconds: number;
  readonly requestUid: string;
  readonly requestName: string;
  readonly signerName: string;
  readonly requester: string;
  readonly liveOutcome: Outcome;
  readonly liveHook: string | null;
  readonly outcome: Outcome;
  readonly hook: string | null;
  readonly reason: string;
  readonly message: string;
  /** JSON of the trace entries. */
  readonly trace: string;
}

/** How many are kept. */
export const MAXIMUM_SHADOW_DECISIONS = 10_000;

export const shadowDecisionsSql = {
  latest:
    "SELECT at_ms AS atMilliseconds, request_uid AS requestUid, request_name AS requestName, signer_name AS signerName, " +
    "requester, live_outcome AS liveOutcome, live_hook AS liveHook, outcome, hook, reason, message, trace " +
    "FROM shadow_decisions WHERE id > 0 ORDER BY id DESC LIMIT ?",
  insert:
    "INSERT INTO shadow_decisions (at_ms, request_uid, request_name, signer_name, requester, live_outcome, live_hook, " +
    "outcome, hook, reason, message, trace) VALUES (@atMilliseconds, @requestUid, @requestName, @signerName, " +
    "@requester, @liveOutcome, @liveHook, @outcome, @hook, @reason, @message, @trace)",
  removeUpTo: "DELETE FROM shadow_decisions WHERE id <= ?",
} as const;

export function shadowDecisionsReader(connection: Connection) {
  const latest = connection.prepare<[number], ShadowDecisionRow>(shadowDecisionsSql.latest);
  return { latest: (limit: number): readonly ShadowDecisionRow[] => latest.all(limit) };
}

export function shadowDecisionsWriter(connection: Connection) {
  const insert = connection.prepare<[ShadowDecisionRow]>(shadowDecisionsSql.insert);
  const removeUpTo = connection.prepare<[number]>(shadowDecisionsSql.removeUpTo);
  return {
    /** Drops what is oldest when there are too many. */
    insert(row: ShadowDecisionRow): void {
      const id = Number(insert.run(row).lastInsertRowid);
      removeUpTo.run(id - MAXIMUM_SHADOW_DECISIONS);
    },
  };
}

export function toShadowDecisionRow({ at, live, shadow, ...request }: ShadowRecord): ShadowDecisionRow {
  const { outcome, hook, reason, message, trace } = shadow;
  return {
    ...request,
    atMilliseconds: at.getTime(),
    liveOutcome: live.outcome,
    liveHook: live.hook ?? null,
    ...{ outcome, reason, message },
    hook: hook ?? null,
    trace: JSON.stringify(trace),
  };
}

export function toShadowRecord(row: ShadowDecisionRow): ShadowRecord {
  const { requestUid, requestName, signerName, requester, outcome, reason, message } = row;
  return {
    ...{ requestUid, requestName, signerName, requester },
    at: new Date(row.atMilliseconds),
    live: { outcome: row.liveOutcome, hook: row.liveHook ?? undefined },
    shadow: {
      ...{ outcome, reason, message },
      hook: row.hook ?? undefined,
      trace: JSON.parse(row.trace) as readonly TraceEntry[],
    },
  };
}
