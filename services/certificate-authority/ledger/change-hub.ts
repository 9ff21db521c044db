import type { Logger } from "../../shared/logging.ts";
import type { ApiObject } from "../domain/api-object.ts";
import { CSR_KIND } from "../domain/certificate-signing-request.ts";
import type { Change, WatchSubscription } from "../domain/ports.ts";
import type { ChangeLog, ChangeScope } from "./change-log.ts";
import { createRecentChanges, type RecentChangesLimits } from "./recent-changes.ts";
import { revisionExpired } from "./refusals.ts";

/** Changes read from the log in one turn of the event loop for one subscriber that is behind. */
const CATCH_UP_STEP = 500;

/** Where commits become events: fed in revision order, delivers to every subscriber what it has not seen. */
export interface ChangeHub {
  revision(): number;
  compactedRevision(): number;
  /** Takes in the next change; nothing is delivered before `flush`. */
  append(change: Change<ApiObject>, bytes: number): void;
  flush(): void;
  noteCompaction(compactedRevision: number): void;
  subscribe(
    afterRevision: number,
    name: string | undefined,
    onChanges: (changes: readonly Change<ApiObject>[]) => void,
    onError: (error: Error) => void,
    scope?: ChangeScope,
  ): WatchSubscription;
  /** Ends every subscription without a word. */
  close(): void;
}

const OF_REQUESTS: ChangeScope = { kind: CSR_KIND, prefix: "" };

interface Subscriber {
  readonly scope: ChangeScope;
  readonly name: string | undefined;
  readonly onChanges: (changes: readonly Change<ApiObject>[]) => void;
  readonly onError: (error: Error) => void;
  /** Everything up to here was delivered. */
  position: number;
  isClosed: boolean;
}

export function createChangeHub(log: ChangeLog, limits: RecentChangesLimits, logger: Logger): ChangeHub {
  let revision = log.head();
  let compactedRevision = log.compactedRevision();
  const recent = createRecentChanges(revision, limits);
  const live = createLiveSubscribers();
  let undelivered: Change<ApiObject>[] = [];
  let isClosed = false;

  function deliver(subscriber: Subscriber, changes: readonly Change<ApiObject>[]): void {
    const isAllNew = (changes[0]?.revision ?? 0) > subscriber.position;
    const unseen = isAllNew ? changes : changes.filter((change) => change.revision > subscriber.position);
    const last = unseen.at(-1);
    if (subscriber.isClosed || last === undefined) return;
    subscriber.position = last.revision;
    try {
      subscriber.onChanges(unseen);
    } catch (error) {
      logger.error({ err: error }, "a subscriber to the change log failed");
      end(subscriber, error instanceof Error ? error : new Error(String(error)));
    }
  }

  function end(subscriber: Subscriber, error?: Error): void {
    if (subscriber.isClosed) return;
    subscriber.isClosed = true;
    live.remove(subscriber);
    if (error) subscriber.onError(error);
  }

  /** Brings one subscriber to the present, a step a turn, then lets it take part in deliveries. */
  function catchUp(subscriber: Subscriber): void {
    if (subscriber.isClosed || isClosed) return;
    const { name, position, scope } = subscriber;
    const inMemory = recent.after(position);
    const changes = inMemory
      ? ofName(ofKind(inMemory, scope.kind), name)
      : log.after(position, name, CATCH_UP_STEP, scope);
    if (position < compactedRevision || changes === undefined) {
      end(subscriber, revisionExpired(position, log.compactedRevision()));
      return;
    }
    deliver(subscriber, changes);
    // The log is never behind this hub; where it is ahead, later deliveries skip what was seen.
    const isComplete = inMemory !== undefined || changes.length < CATCH_UP_STEP;
    if (isComplete) subscriber.position = Math.max(subscriber.position, revision);
    if (subscriber.isClosed) return;
    if (subscriber.position >= revision) live.add(subscriber);
    else setImmediate(catchUp, subscriber);
  }

  return {
    revision: () => revision,
    compactedRevision: () => compactedRevision,
    append(change, bytes) {
      revision = change.revision;
      recent.append(change, bytes);
      undelivered.push(change);
    },
    flush() {
      if (undelivered.length === 0) return;
      const changes = undelivered;
      undelivered = [];
      for (const [subscriber, theirs] of live.select(changes)) deliver(subscriber, theirs);
    },
    noteCompaction(upTo) {
      compactedRevision = Math.max(compactedRevision, upTo);
    },
    subscribe(afterRevision, name, onChanges, onError, scope = OF_REQUESTS) {
      if (afterRevision < compactedRevision) throw revisionExpired(afterRevision, compactedRevision);
      const subscriber: Subscriber = { scope, name, onChanges, onError, position: afterRevision, isClosed: false };
      if (afterRevision >= revision) live.add(subscriber);
      else setImmediate(catchUp, subscriber);
      return { close: () => end(subscriber) };
    },
    close() {
      isClosed = true;
      live.clear();
    },
  };
}

function ofName(changes: readonly Change<ApiObject>[], name: string | undefined): readonly Change<ApiObject>[] {
  return name === undefined ? changes : changes.filter(({ object }) => object.metadata.name === name);
}

/** The same list when all are of that kind, as most are. */
function ofKind(changes: readonly Change<ApiObject>[], kind: string): readonly Change<ApiObject>[] {
  const isOfKind = ({ object }: Change<ApiObject>): boolean => object.kind === kind;
  return changes.every(isOfKind) ? changes : changes.filter(isOfKind);
}

/** The subscribers that have caught up, by kind; those of one name cost nothing when other names change. */
function createLiveSubscribers() {
  const byKind = new Map<string, LiveOfKind>();
  return {
    add(subscriber: Subscriber): void {
      const { kind } = subscriber.scope;
      const ofSameKind = byKind.get(kind) ?? createLiveOfKind();
      byKind.set(kind, ofSameKind);
      ofSameKind.add(subscriber);
    },
    remove: (subscriber: Subscriber): void => byKind.get(subscriber.scope.kind)?.remove(subscriber),
    /** Who is to get which of `changes`; fixed before the first delivery, which may add or remove subscribers. */
    *select(changes: readonly Change<ApiObject>[]): Generator<readonly [Subscriber, readonly Change<ApiObject>[]]> {
      const selected = [...byKind].map(([kind, live]) => live.select(ofKind(changes, kind)));
      for (const each of selected) yield* each;
    },
    clear: (): void => byKind.clear(),
  };
}

type LiveOfKind = ReturnType<typeof createLiveOfKind>;

function createLiveOfKind() {
  const ofAll = new Set<Subscriber>();
  const byName = new Map<string, Set<Subscriber>>();
  return {
    add(subscriber: Subscriber): void {
      if (subscriber.name === undefined) {
        ofAll.add(subscriber);
        return;
      }
      const sameName = byName.get(subscriber.name);
      if (sameName) sameName.add(subscriber);
      else byName.set(subscriber.name, new Set([subscriber]));
    },
    remove(subscriber: Subscriber): void {
      if (subscriber.name === undefined) {
        ofAll.delete(subscriber);
        return;
      }
      const sameName = byName.get(subscriber.name);
      sameName?.delete(subscriber);
      if (sameName?.size === 0) byName.delete(subscriber.name);
    },
    select(changes: readonly Change<ApiObject>[]): ReadonlyMap<Subscriber, readonly Change<ApiObject>[]> {
      const selected = new Map<Subscriber, Change<ApiObject>[]>();
      for (const change of changes) {
        for (const subscriber of byName.get(change.object.metadata.name) ?? []) {
          const theirs = selected.get(subscriber);
          if (theirs) theirs.push(change);
          else selected.set(subscriber, [change]);
        }
      }
      return new Map<Subscriber, readonly Change<ApiObject>[]>([
        ...[...ofAll].map((subscriber) => [subscriber, changes] as const),
        ...selected,
      ]);
    },
  };
}
