import type { Clock } from "../../shared/clock.ts";
import { StatusError } from "../../shared/status-error.ts";
import { type BootstrapTokenRecord, revisionOf } from "../domain/bootstrap-token.ts";
import type { BootstrapTokens, StoredBootstrapToken, WatchSubscription } from "../domain/ports.ts";

/** How many changes a watch that comes late is still told. */
const MAXIMUM_CHANGES = 1_000;

/** A token that came, changed or went. */
export interface TokenChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly revision: number;
  /** For a token that went, as it was. */
  readonly stored: StoredBootstrapToken;
  readonly previous?: StoredBootstrapToken;
}

/** The changes of tokens, as `ObjectReader` tells those of objects. */
export interface TokenFeed {
  revision(): number;
  /** What was changed before this process started is not told: its readers list again. */
  compactedRevision(): number;
  /** @throws {StatusError} Expired. */
  subscribe(
    afterRevision: number,
    onChanges: (changes: readonly TokenChange[]) => void,
    onError: (error: Error) => void,
  ): WatchSubscription;
}

interface Subscriber {
  readonly onChanges: (changes: readonly TokenChange[]) => void;
  readonly onError: (error: Error) => void;
  position: number;
  /** Whether it was told of everything before it came. */
  isLive: boolean;
}

/**
 * Tells of every change that goes through it, once it is durable. All tokens are written by this one process, so that
 * nothing is missed. Revisions are milliseconds since the epoch, each greater than the one before.
 */
export function followTokens(
  inner: BootstrapTokens,
  clock: Clock,
): { readonly tokens: BootstrapTokens; readonly feed: TokenFeed } {
  const log = changeLog(clock.now().getTime());
  let assigned = log.revision();
  const nextRevision = (): number => {
    assigned = Math.max(assigned + 1, clock.now().getTime());
    return assigned;
  };
  const told = (type: TokenChange["type"], revision: number, id: string, previous?: StoredBootstrapToken): void => {
    const stored = type === "DELETED" ? previous : inner.find(id);
    if (stored !== undefined) log.append({ type, revision, stored, ...(previous && { previous }) });
  };
  const tokens: BootstrapTokens = {
    async create(token, secretHash, sealedSecret) {
      const revision = nextRevision();
      await inner.create({ ...token, revision }, secretHash, sealedSecret);
      told("ADDED", revision, token.id);
    },
    async update(token, expectedRevision, actor) {
      const previous = inner.find(token.id);
      const revision = nextRevision();
      await inner.update({ ...token, revision }, expectedRevision, actor);
      told("MODIFIED", revision, token.id, previous);
    },
    async list() {
      const records = await inner.list();
      // The clock may have been set back since they were written.
      log.reach(Math.max(0, ...records.map(revisionOf)));
      return records;
    },
    find: (id) => inner.find(id),
    async remove(id, removedBy) {
      const previous = inner.find(id);
      const revision = nextRevision();
      const wasThere = await inner.remove(id, removedBy);
      if (wasThere) told("DELETED", revision, id, previous);
      return wasThere;
    },
    async removeExpired(now, removedBy) {
      const isExpired = ({ expiresAt }: BootstrapTokenRecord): boolean => expiresAt !== undefined && expiresAt < now;
      const expired = (await inner.list()).filter(isExpired);
      const previous = new Map(expired.map(({ id }) => [id, inner.find(id)] as const));
      const ids = await inner.removeExpired(now, removedBy);
      for (const id of ids) told("DELETED", nextRevision(), id, previous.get(id));
      return ids;
    },
  };
  return { tokens, feed: log };
}

function changeLog(start: number) {
  const subscribers = new Set<Subscriber>();
  const changes: TokenChange[] = [];
  let newest = start;
  let compacted = start;

  function deliver(subscriber: Subscriber, all: readonly TokenChange[]): void {
    const unseen = all.filter(({ revision }) => revision > subscriber.position);
    if (unseen.length === 0 || !subscribers.has(subscriber)) return;
    subscriber.position = unseen.at(-1)?.revision ?? subscriber.position;
    try {
      subscriber.onChanges(unseen);
    } catch (error) {
      subscribers.delete(subscriber);
      subscriber.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  function catchUp(subscriber: Subscriber): void {
    subscriber.isLive = true;
    deliver(subscriber, changes);
  }

  return {
    revision: () => newest,
    compactedRevision: () => compacted,
    reach(revision: number): void {
      newest = Math.max(newest, revision);
    },
    append(change: TokenChange): void {
      changes.push(change);
      newest = Math.max(newest, change.revision);
      if (changes.length > MAXIMUM_CHANGES) compacted = changes.shift()?.revision ?? compacted;
      for (const subscriber of [...subscribers]) if (subscriber.isLive) deliver(subscriber, [change]);
    },
    subscribe(
      afterRevision: number,
      onChanges: Subscriber["onChanges"],
      onError: Subscriber["onError"],
    ): WatchSubscription {
      if (afterRevision < compacted) throw expired(afterRevision, compacted);
      const subscriber: Subscriber = { onChanges, onError, position: afterRevision, isLive: false };
      subscribers.add(subscriber);
      setImmediate(catchUp, subscriber);
      return { close: () => void subscribers.delete(subscriber) };
    },
  };
}

function expired(revision: number, compacted: number): StatusError {
  return new StatusError("Expired", `too old resource version: ${revision} (${compacted})`);
}
