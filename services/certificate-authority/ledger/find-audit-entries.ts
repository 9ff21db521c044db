import type { AuditTrail, AuditTrailQuery, RecordedEntry } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { type AuditRow, auditSql } from "./tables/audit-table.ts";

const STEP = 250;
/** Entries that one page looks at: filters have no index, and a page must not hold up what else the thread does. */
const MAX_EXAMINED = 2_000;
/** An entry may bear an earlier instant than the one before it, by as long as its commit was tried again. */
const SLACK_MILLISECONDS = 3_600_000;

interface Payload {
  readonly at: string;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Looks through the hash chain, a bounded number of entries a page. */
export function auditFinder(connection: Connection): AuditTrail["find"] {
  const newer = connection.prepare<[number, number], AuditRow>(auditSql.nextAfter);
  const older = connection.prepare<[number, number], AuditRow>(auditSql.nextBefore);
  const selectHead = connection.prepare<[], AuditRow>(auditSql.head);

  function* rowsFrom(start: number, isUpwards: boolean): Generator<AuditRow> {
    let position = start;
    for (let step = 0; step < MAX_EXAMINED / STEP; step += 1) {
      const rows = isUpwards ? newer.all(position, STEP) : older.all(position, STEP);
      yield* rows;
      if (rows.length < STEP) return;
      position = rows.at(-1)?.sequence ?? position;
    }
  }

  return async (query) => {
    const { after, before, since, limit } = query;
    const isUpwards = after !== undefined;
    const head = selectHead.get()?.sequence ?? 0;
    const start = after ?? Math.min(before ?? head + 1, head + 1);
    const items: RecordedEntry[] = [];
    let examined = start;
    for (const row of rowsFrom(start, isUpwards)) {
      const entry = toEntry(row);
      if (!isUpwards && isBeyond(entry, since)) return { items, examined, head, hasMore: false };
      examined = row.sequence;
      if (matches(entry, query)) items.push(entry);
      if (items.length >= limit) break;
    }
    return { items, examined, head, hasMore: isUpwards ? examined < head : examined > 1 };
  };
}

function isBeyond({ at }: RecordedEntry, since: Date | undefined): boolean {
  return since !== undefined && at.getTime() < since.getTime() - SLACK_MILLISECONDS;
}

function toEntry({ sequence, payload, hash }: AuditRow): RecordedEntry {
  const { at, actor, kind, subject, details } = JSON.parse(payload) as Payload;
  return { sequence, at: new Date(at), actor, kind, subject, details, hash: hash.toString("hex") };
}

function matches(entry: RecordedEntry, { actor, noun, verb, name, since }: AuditTrailQuery): boolean {
  const [entryNoun, entryVerb] = entry.kind.split(".");
  if (actor !== undefined && entry.actor !== actor) return false;
  if (noun !== undefined && entryNoun !== noun) return false;
  if (verb !== undefined && entryVerb !== verb) return false;
  if (name !== undefined && entry.subject !== name && entry.details["requestName"] !== name) return false;
  return since === undefined || entry.at >= since;
}
