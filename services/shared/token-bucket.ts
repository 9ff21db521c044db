import { LRUCache } from "lru-cache";
import type { Clock } from "./clock.ts";

/** `burst` at once, then `perSecond` on average. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** One bucket for each key, full at first. */
export interface TokenBuckets {
  /** @returns 0 when a token was taken, else the whole seconds, at least 1, until there is one. */
  take(key: string): number;
  /** As `take`, but takes nothing. */
  secondsUntilToken(key: string): number;
  readonly tracked: number;
}

interface Bucket {
  tokens: number;
  /** Milliseconds since the epoch. */
  updatedAt: number;
}

/**
 * @param maxKeys - beyond it the key that was idle longest is forgotten, which fills its bucket: under a flood of keys
 *   the limit gives way instead of memory.
 */
export function createTokenBuckets(rate: Rate, maxKeys: number, clock: Clock): TokenBuckets {
  const { perSecond, burst } = rate;
  if (!(perSecond > 0) || !(burst >= 1) || !Number.isFinite(perSecond + burst)) {
    throw new Error(`a rate needs perSecond above 0 and burst of at least 1, both finite: ${perSecond}, ${burst}`);
  }
  const buckets = new LRUCache<string, Bucket>({ max: maxKeys });

  /** Undefined for a full bucket that nothing was ever taken from. */
  function refilled(key: string, now: number): Bucket | undefined {
    const bucket = buckets.get(key);
    if (bucket === undefined) return undefined;
    // A clock that was set back must not take tokens away.
    const elapsedSeconds = Math.max(0, now - bucket.updatedAt) / 1000;
    bucket.tokens = Math.min(burst, bucket.tokens + elapsedSeconds * perSecond);
    bucket.updatedAt = now;
    return bucket;
  }

  const secondsFor = ({ tokens }: Bucket): number =>
    tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));

  return {
    take(key) {
      const now = clock.now().getTime();
      const bucket = refilled(key, now);
      if (bucket === undefined) {
        buckets.set(key, { tokens: burst - 1, updatedAt: now });
        return 0;
      }
      const seconds = secondsFor(bucket);
      if (seconds === 0) bucket.tokens -= 1;
      return seconds;
    },
    secondsUntilToken(key) {
      const bucket = refilled(key, clock.now().getTime());
      return bucket === undefined ? 0 : secondsFor(bucket);
    },
    get tracked() {
      return buckets.size;
    },
  };
}
