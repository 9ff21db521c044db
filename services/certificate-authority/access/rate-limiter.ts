import ipaddr from "ipaddr.js";
import type { Clock } from "../../shared/clock.ts";
import { StatusError } from "../../shared/status-error.ts";
import { createTokenBuckets, type Rate, type TokenBuckets } from "../../shared/token-bucket.ts";

export interface RateLimits {
  /** Requests of one authenticated user. A bootstrap token that a whole herd shares is one user. */
  readonly perIdentity: Rate;
  /** Requests from one address, before anything else is known of them. */
  readonly perAddress: Rate;
  /** Failed authentications from one address, before its further bearer tokens are not even looked at. */
  readonly failedAuthentications: Rate;
  /** Keys remembered of each kind. */
  readonly maxTracked: number;
}

/**
 * Wide enough for 5,000 nodes that join at once from behind one address with one shared token (at most five requests
 * each), narrow enough to end. Failed authentications are held to what a handful of misconfigured machines make.
 */
export const DEFAULT_RATE_LIMITS: RateLimits = {
  perIdentity: { perSecond: 5_000, burst: 50_000 },
  perAddress: { perSecond: 5_000, burst: 50_000 },
  failedAuthentications: { perSecond: 5, burst: 500 },
  maxTracked: 50_000,
};

/** All methods throw a TooManyRequests StatusError that says when to come back, unless they say otherwise. */
export interface RateLimiter {
  takeForAddress(address: string): void;
  takeForIdentity(username: string): void;
  /** Never throws. */
  noteFailedAuthentication(address: string): void;
  /**
   * Refuses an address that had too many failures. Asked before a bearer token is tried and at no other time: a caller
   * with a verified certificate is not kept out by a neighbour behind the same address who guesses tokens.
   */
  requireAttemptsLeft(address: string): void;
}

/** Memory is bounded by `maxTracked`: about 200 bytes for each key of each kind. */
export function createRateLimiter(limits: RateLimits & { readonly clock: Clock }): RateLimiter {
  const buckets = (rate: Rate): TokenBuckets => createTokenBuckets(rate, limits.maxTracked, limits.clock);
  const identities = buckets(limits.perIdentity);
  const addresses = buckets(limits.perAddress);
  const failures = buckets(limits.failedAuthentications);
  return {
    takeForAddress: (address) => refuseFor(addresses.take(addressKey(address)), "too many requests from this address"),
    takeForIdentity: (username) => refuseFor(identities.take(username), "too many requests from this user"),
    noteFailedAuthentication(address) {
      failures.take(addressKey(address));
    },
    requireAttemptsLeft: (address) =>
      refuseFor(failures.secondsUntilToken(addressKey(address)), "too many failed authentications from this address"),
  };
}

function refuseFor(retryAfterSeconds: number, message: string): void {
  if (retryAfterSeconds === 0) return;
  throw new StatusError("TooManyRequests", `${message}, try again later`, { details: { retryAfterSeconds } });
}

/**
 * What counts as one address: an IPv4 address, also when mapped into IPv6, and the first 64 bits of an IPv6 address,
 * since that is what one machine is usually given.
 */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") return parsed.toString();
  return parsed
    .toByteArray()
    .slice(0, 8)
    .map((octet) => octet.toString(16).padStart(2, "0"))
    .join("");
}
