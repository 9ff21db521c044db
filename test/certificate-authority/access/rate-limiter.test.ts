import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  addressKey,
  createRateLimiter,
  DEFAULT_RATE_LIMITS,
} from "../../../services/certificate-authority/access/rate-limiter.ts";
import { createTokenBuckets } from "../../../services/shared/token-bucket.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const RATE = { perSecond: 2, burst: 3 };

test("a burst passes, then as many as are refilled", () => {
  const clock = new SettableClock();
  const buckets = createTokenBuckets(RATE, 10, clock);
  const take = () => buckets.take("a");
  expect([take(), take(), take(), take()]).toEqual([0, 0, 0, 1]);
  clock.advance(0.499);
  expect(take()).toBe(1);
  clock.advance(0.001);
  expect([take(), take()]).toEqual([0, 1]);
  clock.advance(3600);
  expect([take(), take(), take(), take()]).toEqual([0, 0, 0, 1]);
});

test("the wait is told in whole seconds", () => {
  const clock = new SettableClock();
  const buckets = createTokenBuckets({ perSecond: 0.1, burst: 1 }, 10, clock);
  expect([buckets.take("a"), buckets.take("a")]).toEqual([0, 10]);
  clock.advance(4.5);
  expect(buckets.take("a")).toBe(6);
  clock.advance(5.5);
  expect(buckets.take("a")).toBe(0);
});

test("asking takes nothing", () => {
  const buckets = createTokenBuckets({ perSecond: 1, burst: 1 }, 10, new SettableClock());
  expect([buckets.secondsUntilToken("a"), buckets.secondsUntilToken("a"), buckets.tracked]).toEqual([0, 0, 0]);
  buckets.take("a");
  expect([buckets.secondsUntilToken("a"), buckets.tracked]).toEqual([1, 1]);
});

test("keys do not share, and no more than the maximum are remembered", () => {
  const buckets = createTokenBuckets({ perSecond: 1, burst: 1 }, 3, new SettableClock());
  expect(["a", "b", "c", "a"].map((key) => buckets.take(key))).toEqual([0, 0, 0, 1]);
  for (let index = 0; index < 1000; index += 1) buckets.take(`key ${index}`);
  expect(buckets.tracked).toBe(3);
  expect(buckets.take("a")).toBe(0);
});

test("a clock that goes back neither gives nor takes", () => {
  const clock = new SettableClock();
  const buckets = createTokenBuckets(RATE, 10, clock);
  buckets.take("a");
  clock.advance(-3600);
  expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([0, 0, 1]);
});

test.each([
  { perSecond: 0, burst: 1 },
  { perSecond: -1, burst: 1 },
  { perSecond: 1, burst: 0.5 },
  { perSecond: Number.POSITIVE_INFINITY, burst: 1 },
  { perSecond: 1, burst: Number.POSITIVE_INFINITY },
  { perSecond: Number.NaN, burst: 1 },
])("a rate of %j is refused", (rate) => {
  expect(() => createTokenBuckets(rate, 10, new SettableClock())).toThrow("a rate needs");
});

test("over any time no more passes than burst and refill", () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 3000 }), takes: fc.integer({ min: 0, max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const clock = new SettableClock();
      const buckets = createTokenBuckets(RATE, 10, clock);
      let passed = 0;
      let elapsedSeconds = 0;
      for (const { wait, takes } of steps) {
        clock.advance(wait / 1000);
        elapsedSeconds += wait / 1000;
        for (let index = 0; index < takes; index += 1) passed += buckets.take("a") === 0 ? 1 : 0;
        expect(passed).toBeLessThanOrEqual(RATE.burst + elapsedSeconds * RATE.perSecond + 1e-6);
      }
    }),
  );
});

function limiterOf(limit: "perIdentity" | "perAddress" | "failedAuthentications") {
  const clock = new SettableClock();
  return {
    clock,
    limiter: createRateLimiter({ ...DEFAULT_RATE_LIMITS, [limit]: { perSecond: 0.5, burst: 2 }, clock }),
  };
}

test("too many requests of one user are refused with the time to come back", () => {
  const { limiter, clock } = limiterOf("perIdentity");
  limiter.takeForIdentity("alice");
  limiter.takeForIdentity("alice");
  const refused = expect.objectContaining({ reason: "TooManyRequests", code: 429, details: { retryAfterSeconds: 2 } });
  expect(() => limiter.takeForIdentity("alice")).toThrow(refused);
  limiter.takeForIdentity("bob");
  clock.advance(2);
  limiter.takeForIdentity("alice");
});

test("too many requests from one address are refused", () => {
  const { limiter } = limiterOf("perAddress");
  limiter.takeForAddress("192.0.2.1");
  limiter.takeForAddress("::ffff:192.0.2.1");
  expect(() => limiter.takeForAddress("192.0.2.1")).toThrow(expect.objectContaining({ code: 429 }));
  limiter.takeForAddress("192.0.2.2");
});

test("failures are counted without being refused, and refused without being counted", () => {
  const { limiter, clock } = limiterOf("failedAuthentications");
  for (let index = 0; index < 5; index += 1) limiter.noteFailedAuthentication("192.0.2.1");
  expect(() => limiter.requireAttemptsLeft("192.0.2.1")).toThrow(expect.objectContaining({ code: 429 }));
  expect(() => limiter.requireAttemptsLeft("192.0.2.1")).toThrow(expect.objectContaining({ code: 429 }));
  limiter.requireAttemptsLeft("192.0.2.2");
  limiter.takeForAddress("192.0.2.1");
  clock.advance(2);
  limiter.requireAttemptsLeft("192.0.2.1");
  limiter.requireAttemptsLeft("192.0.2.1");
});

test("with the defaults 5,000 nodes join at once from one address with one token, and a flood still ends", () => {
  const limiter = createRateLimiter({ ...DEFAULT_RATE_LIMITS, clock: new SettableClock() });
  const request = () => {
    limiter.takeForAddress("192.0.2.1");
    limiter.takeForIdentity("system:bootstrap:abcdef");
  };
  for (let index = 0; index < 5 * 5_000; index += 1) request();
  expect(() => {
    for (let index = 0; index < 100_000; index += 1) request();
  }).toThrow(expect.objectContaining({ code: 429 }));
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "20010db800010002"],
  ["2001:db8:1:2::1", "20010db800010002"],
  ["2001:db8:1:3::1", "20010db800010003"],
  ["", ""],
  ["no:address", "no:address"],
])("the address %s counts as %s", (address, key) => {
  expect(addressKey(address)).toBe(key);
});
