import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import type { AuditEntry, AuditEvent, List } from "./api-types.ts";
import { type AuditFilter, eventMatcher, instantOf, resourcesOf } from "./audit-filter.ts";
import { readAuditLog } from "./audit-log.ts";
import { CommandError, messageOf } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";

const AUDIT_PATH = "/v1/audit";
/** The server answers no more than this at once. */
const PAGE_LIMIT = 1_000;
const POLL_MILLISECONDS = 1_000;

/** One thing on record: as it is, and as a row. */
export interface AuditItem {
  readonly object: object;
  readonly cells: readonly string[];
}

/** One of the two records: the events in a log file, or the entries of the server's hash chain. */
export interface AuditSource {
  /** Of the list that the items make up. */
  readonly list: { readonly apiVersion: string; readonly kind: string };
  readonly columns: readonly string[];
  /** The newest, at most `count`, the oldest first, and whether there may be older ones. */
  newest(count: number): Promise<{ readonly items: readonly AuditItem[]; readonly hasOlder: boolean }>;
  /** What comes after what `newest` answered, until the terminal's signal. */
  later(): AsyncGenerator<readonly AuditItem[]>;
}

/** What was asked: the events of a log file of the server's. */
export function logSource(
  file: string,
  filter: AuditFilter,
  terminal: Terminal,
): AuditSource & { close(): Promise<void> } {
  const path = resolve(terminal.workingDirectory, file);
  const matches = eventMatcher(filter, terminal.clock.now());
  const parts = readAuditLog(path, true, terminal.signal);

  return {
    list: { apiVersion: "audit.k8s.io/v1", kind: "EventList" },
    columns: ["Time", "User", "Verb", "Resource", "Name", "Code", "Stage"],
    async newest(count) {
      let items: AuditEvent[] = [];
      let hasOlder = false;
      let unreadable = 0;
      for (;;) {
        const { value: part } = await parts.next().catch((cause: unknown) => {
          throw new CommandError(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
        });
        if (!part) break;
        unreadable += part.unreadable;
        items.push(...part.events.filter(matches));
        hasOlder ||= items.length > count;
        if (items.length > count) items = items.slice(-count || items.length);
        if (part.isCaughtUp) break;
      }
      if (unreadable > 0) terminal.stderr.write(`${unreadable} lines are no events; a crash leaves at most one.\n`);
      return { items: items.map(eventItem), hasOlder };
    },
    async *later() {
      for await (const { events } of parts) yield events.filter(matches).map(eventItem);
    },
    async close() {
      await parts.return(undefined);
    },
  };
}

/** What was decided, signed, made and taken away: the server's hash chain. */
export function trailSource(client: ApiClient, filter: AuditFilter, terminal: Terminal): AuditSource {
  const since = instantOf(filter, terminal.clock.now())?.toISOString();
  const { user, verb, resource, name } = filter;
  const page = (position: Readonly<Record<string, string | undefined>>, limit: number) => {
    const query = { since, user, verb, resource, name, ...position, limit: String(Math.min(limit, PAGE_LIMIT)) };
    return client.json<List<AuditEntry>>({ path: AUDIT_PATH, query });
  };
  let position = "0";

  return {
    list: { apiVersion: "gatehouse.dev/v1", kind: "AuditEntryList" },
    columns: ["Sequence", "Time", "User", "Verb", "Resource", "Name"],
    async newest(count) {
      const items: AuditEntry[] = [];
      let next: string | undefined;
      do {
        const answer: List<AuditEntry> = await page({ continue: next }, count - items.length || 1);
        if (next === undefined) position = answer.metadata.resourceVersion ?? "0";
        items.push(...answer.items);
        next = answer.metadata.continue;
      } while (next !== undefined && items.length < count);
      return { items: items.slice(0, count).reverse().map(entryItem), hasOlder: next !== undefined };
    },
    async *later() {
      while (!terminal.signal.aborted) {
        const { items, metadata } = await page({ after: position }, PAGE_LIMIT);
        position = metadata.resourceVersion ?? position;
        if (items.length > 0) yield items.map(entryItem);
        if (metadata.continue !== undefined) continue;
        await sleep(POLL_MILLISECONDS, undefined, { signal: terminal.signal }).catch(() => undefined);
      }
    },
  };
}

function eventItem(event: AuditEvent): AuditItem {
  const as = event.impersonatedUser?.username;
  const who = event.user?.username || "<none>";
  const what = resourcesOf(event).at(-1) || event.requestURI || "<none>";
  const cells = [event.stageTimestamp ?? "", as ? `${who} as ${as}` : who, event.verb ?? "", what];
  const { objectRef, responseStatus, stage = "" } = event;
  return { object: event, cells: [...cells, objectRef?.name ?? "", String(responseStatus?.code ?? ""), stage] };
}

function entryItem(entry: AuditEntry): AuditItem {
  const { sequence, at, user, verb, resource, name } = entry;
  return { object: entry, cells: [String(sequence), at, user, verb, resource, name] };
}
