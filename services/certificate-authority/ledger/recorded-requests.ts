import { setImmediate as nextTurn } from "node:timers/promises";
import { StatusError } from "../../shared/status-error.ts";
import { isAfterChain } from "../domain/after-chain.ts";
import type { CertificateState } from "../domain/certificate.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { RecordedPage, RecordedRequest, RecordedRequests, Settlement } from "../domain/recorded-request.ts";
import { OURSELVES } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import { keptRequests } from "./kept-requests.ts";
import {
  CERTIFICATE_SUMMARY_COLUMNS,
  type CertificateSummaryRow,
  toCertificateSummary,
} from "./tables/certificate-row.ts";
import { DECISION_COLUMNS, type DecisionRow, toDecisionRecord } from "./tables/decisions-table.ts";
import { revocationsReader } from "./tables/revocations-table.ts";

/** Decisions looked at before other work gets its turn: about a millisecond's worth. */
const ROWS_A_TURN = 8;
/** Of decisions that say nothing of their own, so that a page ends in bounded time. */
const ROWS_PER_ITEM = 10;
/** Decisions on one request that are looked back at. */
const MAXIMUM_DECISIONS = 50;
const MAXIMUM_PREVIOUS = 10;
/** A decision may bear an earlier instant than the one before it, by as long as its commit was tried again. */
const SLACK_MILLISECONDS = 3_600_000;
const TOKEN = /^(\d{1,15})\.(\d{1,15})$/;
/** A statement that compares bare parameters is planned anew whenever they change; a cast one is not. */
const [TEXT, INTEGER] = ["CAST(? AS TEXT)", "CAST(? AS INTEGER)"];

export const recordedRequestsSql = {
  head: "SELECT max(id) FROM decisions",
  timeAt: "SELECT id, decided_ms AS decidedMilliseconds FROM decisions WHERE id >= ? ORDER BY id LIMIT 1",
  between: `SELECT id, ${DECISION_COLUMNS} FROM decisions WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
  nextOfName:
    "SELECT request_uid FROM decisions INDEXED BY decisions_by_request " +
    `WHERE request_name = ${TEXT} AND id > ${INTEGER} AND id <= ${INTEGER} ORDER BY id LIMIT 1`,
  earlierOfName:
    `SELECT id, ${DECISION_COLUMNS} FROM decisions INDEXED BY decisions_by_request ` +
    `WHERE request_name = ${TEXT} AND id < ${INTEGER} ORDER BY id DESC LIMIT ${MAXIMUM_DECISIONS}`,
  previous:
    `SELECT ${CERTIFICATE_SUMMARY_COLUMNS} FROM certificates INDEXED BY certificates_by_node ` +
    `WHERE node_name = ${TEXT} AND signer_name = ${TEXT} AND not_before_ms <= ${INTEGER} ` +
    `AND issued_ms <= ${INTEGER} AND request_uid IS NOT ${TEXT} ` +
    `ORDER BY not_before_ms DESC, id DESC LIMIT ${MAXIMUM_PREVIOUS}`,
} as const;

type StoredDecision = DecisionRow & { readonly id: number };

/** Reads what was decided, for replay; nothing is scanned but the decisions that are asked for. */
export function recordedRequests(connection: Connection): RecordedRequests {
  const head = connection.prepare<[], number | null>(recordedRequestsSql.head).pluck();
  const timeAt = connection.prepare<[number], { id: number; decidedMilliseconds: number }>(recordedRequestsSql.timeAt);
  const between = connection.prepare<[number, number, number], StoredDecision>(recordedRequestsSql.between);
  const nextOfName = connection.prepare<[string, number, number], string>(recordedRequestsSql.nextOfName).pluck();
  const earlierOfName = connection.prepare<[string, number], StoredDecision>(recordedRequestsSql.earlierOfName);
  const previous = connection.prepare<[string, string, number, number, string], CertificateSummaryRow>(
    recordedRequestsSql.previous,
  );
  const requestOf = keptRequests(connection);
  const revocations = revocationsReader(connection);

  /** The row before the first that may be of that time. */
  function beginningOf(since: Date, last: number): number {
    const milliseconds = since.getTime() - SLACK_MILLISECONDS;
    let [low, high] = [1, last + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = timeAt.get(middle);
      if (found === undefined || found.decidedMilliseconds >= milliseconds) high = middle;
      else low = found.id + 1;
    }
    return low - 1;
  }

  function itemOf(row: StoredDecision): RecordedRequest {
    const newest = recordOf(row);
    const earlier = isOfChain(newest) ? [] : historyBefore(row);
    const decision = [newest, ...earlier].find(isOfChain);
    const isSettled = newest !== decision && newest.outcome !== "pending";
    return {
      request: requestOf(row.requestName, row.requestUid),
      newest,
      decision,
      settlement: isSettled ? settlementOf(newest) : undefined,
    };
  }

  /** A name belongs to one request at a time, so that the decisions on one stand together. */
  function historyBefore({ id, requestName, requestUid }: StoredDecision): readonly DecisionRecord[] {
    const rows = earlierOfName.all(requestName, id);
    const end = rows.findIndex((row) => row.requestUid !== requestUid);
    return (end === -1 ? rows : rows.slice(0, end)).map(recordOf);
  }

  /** What was revoked since then was not revoked then. */
  function stateAt({ fingerprint, state }: CertificateSummaryRow, milliseconds: number): CertificateState {
    if (state === "issued") return state;
    const revokedAt = revocations.byFingerprint(fingerprint)?.atMilliseconds;
    return revokedAt !== undefined && revokedAt > milliseconds ? "issued" : state;
  }

  return {
    async page({ since, limit, continueToken }): Promise<RecordedPage<RecordedRequest>> {
      const { after, last } = continueToken === undefined ? start(since) : decodeToken(continueToken);
      const items: RecordedRequest[] = [];
      let position = after;
      for (let rows = 0; rows < limit * ROWS_PER_ITEM; rows += ROWS_A_TURN) {
        const found = between.all(position, last, ROWS_A_TURN);
        for (const row of found) {
          if (items.length === limit) return { items, continueToken: `${position}.${last}` };
          position = row.id;
          if (row.decidedMilliseconds < since.getTime()) continue;
          const isNewest = nextOfName.get(row.requestName, row.id, last) !== row.requestUid;
          if (isNewest) items.push(itemOf(row));
        }
        if (found.length < ROWS_A_TURN) return { items, continueToken: undefined };
        await nextTurn();
      }
      return { items, continueToken: `${position}.${last}` };
    },
    previousAt(nodeName, signerName, at, requestUid) {
      const milliseconds = at.getTime();
      const rows = previous.all(nodeName, signerName, milliseconds, milliseconds, requestUid);
      return rows.map((row) => toCertificateSummary({ ...row, state: stateAt(row, milliseconds) }));
    },
  };

  function start(since: Date) {
    const last = head.get() ?? 0;
    return { after: beginningOf(since, last), last };
  }
}

function recordOf({ id: _id, ...row }: StoredDecision): DecisionRecord {
  return toDecisionRecord(row);
}

/** By the hooks: neither a person's nor the refusal of a signature that a person had approved. */
function isOfChain({ decidedBy, trace }: DecisionRecord): boolean {
  return decidedBy === OURSELVES && (trace.length === 0 || !trace.every(isAfterChain));
}

function settlementOf({ outcome, reason, decidedBy, decidedAt }: DecisionRecord): Settlement {
  return { outcome, reason, decidedBy, decidedAt };
}

/** @throws {StatusError} BadRequest when `token` is none of ours. */
function decodeToken(token: string) {
  const [, after, last] = TOKEN.exec(token) ?? [];
  if (after === undefined || last === undefined) throw new StatusError("BadRequest", "continue token is not valid");
  return { after: Number(after), last: Number(last) };
}
