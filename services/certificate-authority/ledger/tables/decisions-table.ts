import type { DecisionRecord, Outcome, TraceEntry } from "../../domain/decision.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

/** A decision in the shape of its columns; hashed in the order of `decisionContent`. */
export interface DecisionRow {
  readonly requestUid: string;
  readonly requestName: string;
  readonly signerName: string;
  readonly requester: string;
  readonly outcome: Outcome;
  readonly hook: string | null;
  readonly reason: string;
  readonly message: string;
  /** JSON of the trace entries. */
  readonly trace: string;
  readonly decidedBy: string;
  readonly decidedMilliseconds: number;
}

export const DECISION_COLUMNS =
  "request_uid AS requestUid, request_name AS requestName, signer_name AS signerName, requester, outcome, hook, " +
  "reason, message, trace, decided_by AS decidedBy, decided_ms AS decidedMilliseconds";

export const decisionsSql = {
  ofRequest: `SELECT ${DECISION_COLUMNS} FROM decisions INDEXED BY decisions_by_request WHERE request_name = ? ORDER BY id`,
  byId: `SELECT ${DECISION_COLUMNS} FROM decisions WHERE id = ?`,
  insert:
    "INSERT INTO decisions (id, request_uid, request_name, signer_name, requester, outcome, hook, reason, message, " +
    "trace, decided_by, decided_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
} as const;

function columnsOf(row: DecisionRow): ColumnValue[] {
  const { requestUid, requestName, signerName, requester, outcome, hook } = row;
  const { reason, message, trace, decidedBy, decidedMilliseconds } = row;
  return [
    ...[requestUid, requestName, signerName, requester, outcome, hook],
    ...[reason, message, trace, decidedBy, decidedMilliseconds],
  ];
}

export function decisionContent(row: DecisionRow): string {
  return contentHash(columnsOf(row));
}

export function toDecisionRow(decision: DecisionRecord): DecisionRow {
  const { requestUid, requestName, signerName, requester, outcome, reason, message, decidedBy } = decision;
  return {
    ...{ requestUid, requestName, signerName, requester, outcome, reason, message, decidedBy },
    hook: decision.hook ?? null,
    trace: JSON.stringify(decision.trace),
    decidedMilliseconds: decision.decidedAt.getTime(),
  };
}

export function toDecisionRecord(row: DecisionRow): DecisionRecord {
  const { hook, trace, decidedMilliseconds, ...same } = row;
  return {
    ...same,
    hook: hook ?? undefined,
    trace: JSON.parse(trace) as TraceEntry[],
    decidedAt: new Date(decidedMilliseconds),
  };
}

/** Reads the recorded decisions. */
export function decisionsReader(connection: Connection) {
  const ofRequest = connection.prepare<[string], DecisionRow>(decisionsSql.ofRequest);
  const byId = connection.prepare<[number], DecisionRow>(decisionsSql.byId);
  return {
    /** Oldest first. */
    ofRequest: (name: string): readonly DecisionRow[] => ofRequest.all(name),
    byId: (id: number): DecisionRow | undefined => byId.get(id),
  };
}

/** Records decisions. */
export function decisionsWriter(connection: Connection) {
  const insert = connection.prepare(decisionsSql.insert);
  return {
    /** @param auditSequence - of the entry that vouches for the row; becomes its id. */
    insert: (row: DecisionRow, auditSequence: number): void => void insert.run(auditSequence, ...columnsOf(row)),
  };
}
