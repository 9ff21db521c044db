import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../../shared/clock.ts";
import type { Outcome, TokenAuthenticator } from "./authenticator.ts";

export interface TokenCacheSettings {
  readonly successSeconds: number;
  readonly failureSeconds: number;
  readonly clock: Clock;
  /** Of each kind, success and failure; an entry is about 1 KB. */
  readonly maximumEntries?: number;
}

export interface CachedTokenAuthenticator extends TokenAuthenticator {
  /** Drops what is remembered, and what is being found out right now. */
  forget(): void;
}

interface Remembered {
  readonly outcome: Outcome;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const MAXIMUM_ENTRIES = 10_000;

/**
 * Remembers outcomes by the SHA-256 of the token, users never beyond their `validUntil`, refusals only when they are
 * lasting. Users and refusals are kept apart, so that a flood of made-up tokens pushes out no real one. A token that is
 * shown many times at once is looked at once.
 */
export function cacheTokens(inner: TokenAuthenticator, settings: TokenCacheSettings): CachedTokenAuthenticator {
  const { clock, maximumEntries = MAXIMUM_ENTRIES } = settings;
  const users = new LRUCache<string, Remembered>({ max: maximumEntries });
  const refusals = new LRUCache<string, Remembered>({ max: maximumEntries });
  const pending = new Map<string, Promise<Outcome>>();
  let generation = 0;

  function recall(key: string): Outcome | undefined {
    const found = users.get(key) ?? refusals.get(key);
    return found !== undefined && clock.now().getTime() < found.until ? found.outcome : undefined;
  }

  function remember(key: string, outcome: Outcome): void {
    const now = clock.now().getTime();
    if (outcome.kind === "user") {
      const until = Math.min(now + settings.successSeconds * 1000, outcome.validUntil?.getTime() ?? Infinity);
      refusals.delete(key);
      if (until > now) users.set(key, { outcome, until });
    } else if (outcome.kind === "refused" && outcome.isLasting && settings.failureSeconds > 0) {
      users.delete(key);
      refusals.set(key, { outcome, until: now + settings.failureSeconds * 1000 });
    }
  }

  async function find(key: string, token: string): Promise<Outcome> {
    const startedIn = generation;
    try {
      const outcome = await inner.authenticate(token);
      if (startedIn === generation) remember(key, outcome);
      return outcome;
    } finally {
      if (startedIn === generation) pending.delete(key);
    }
  }

  return {
    name: inner.name,
    judges: "token",
    authenticate(token) {
      const key = hash("sha256", token, "hex");
      const known = recall(key) ?? pending.get(key);
      if (known !== undefined) return known;
      const finding = find(key, token);
      pending.set(key, finding);
      return finding;
    },
    forget() {
      generation += 1;
      users.clear();
      refusals.clear();
      pending.clear();
    },
  };
}
