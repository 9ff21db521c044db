import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { RENEWAL_BEGINS, RENEWAL_ENDS } from "../../../services/certificate-authority/domain/kubelet-renewal.ts";
import {
  createSpread,
  LARGEST_SPREAD,
  SMALLEST_SPREAD,
} from "../../../services/certificate-authority/domain/spread.ts";
import { chooseValidity } from "../../../services/certificate-authority/domain/validity.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const NOW_EPOCH = NOW.getTime() / 1000;
const DAY = 86_400;
const LIFE = { beginEpoch: NOW_EPOCH - 300, nowEpoch: NOW_EPOCH, endEpoch: NOW_EPOCH + 365 * DAY - 300 };
const LENGTH = LIFE.endEpoch - LIFE.beginEpoch;
const KEYS = Array.from({ length: 12_000 }, (_, index) => `6f6e1d3a-0000-4000-8000-${String(index).padStart(12, "0")}`);

function lifetimes(fraction: number): readonly number[] {
  const spread = createSpread({ fraction, minimumSeconds: 600 });
  return KEYS.map((key) => (spread.notAfter(LIFE, key) - LIFE.beginEpoch) / LENGTH);
}

/** How the expected renewals of certificates lie over `bins` parts of [0, 1) of the whole lifetime. */
function histogram(shares: readonly number[], bins: number): readonly number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const share of shares) {
    const [from, to] = [share * RENEWAL_BEGINS * bins, share * RENEWAL_ENDS * bins];
    for (let bin = Math.floor(from); bin < to; bin += 1) {
      const overlap = Math.min(bin + 1, to) - Math.max(bin, from);
      counts[bin] = (counts[bin] ?? 0) + overlap / (to - from);
    }
  }
  return counts;
}

test.each([SMALLEST_SPREAD, 0.3, 0.5, 0.7, LARGEST_SPREAD])("with %d the predicted renewals are even", (fraction) => {
  const whole = histogram([...KEYS.map(() => 1)], 200);
  const spread = histogram(lifetimes(fraction), 200);
  // Windows that join as far down as whole steps of 7/9 go into the band.
  const steps = Math.floor(Math.log(1 - fraction) / Math.log(7 / 9));
  const begins = (7 / 9) ** steps * RENEWAL_BEGINS;
  const flat = KEYS.length / 200 / (RENEWAL_ENDS - begins);
  expect(Math.max(...whole)).toBeCloseTo(KEYS.length / 200 / (RENEWAL_ENDS - RENEWAL_BEGINS), 0);
  expect(Math.max(...spread)).toBeLessThan(flat * 1.2);
  expect(Math.max(...spread)).toBeLessThan(Math.max(...whole) * 0.65);
});

test("less than the least that is allowed would not lower the peak", () => {
  const whole = Math.max(...histogram([1], 200));
  const little = lifetimes(0.2);
  expect(Math.max(...histogram(little, 200)) / KEYS.length).toBeGreaterThanOrEqual(whole * 0.99);
});

test.each([SMALLEST_SPREAD, 0.5, LARGEST_SPREAD])(
  "with %d no lifetime is longer, and none shorter than the band",
  (fraction) => {
    const shares = lifetimes(fraction);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(1 - fraction);
  },
);

test("property: between the minimum and what was given, in whole seconds, and the same for the same request", () => {
  fc.assert(
    fc.property(
      fc.double({ min: SMALLEST_SPREAD, max: LARGEST_SPREAD, noNaN: true }),
      fc.integer({ min: 600, max: 400 * DAY }),
      fc.integer({ min: 1, max: 400 * DAY }),
      fc.string(),
      (fraction, minimumSeconds, seconds, key) => {
        const life = { ...LIFE, endEpoch: NOW_EPOCH + seconds };
        const notAfter = createSpread({ fraction, minimumSeconds }).notAfter(life, key);
        expect(Number.isInteger(notAfter)).toBe(true);
        expect(notAfter).toBeLessThanOrEqual(life.endEpoch);
        expect(notAfter).toBeGreaterThanOrEqual(Math.min(life.endEpoch, NOW_EPOCH + minimumSeconds));
        expect(createSpread({ fraction, minimumSeconds }).notAfter(life, key)).toBe(notAfter);
      },
    ),
  );
});

test("chooseValidity: a lifetime that was asked for is not spread, the chosen one never outlives the issuer", () => {
  const issuerNotAfter = new Date("2026-03-01T00:00:00Z");
  const limits = { maximumSeconds: 365 * DAY, issuerNotAfter };
  const by = createSpread({ fraction: 0.9, minimumSeconds: 600 });
  const chosen = KEYS.slice(0, 1000).map((key) => chooseValidity(undefined, { ...limits, spread: { by, key } }, NOW));
  expect(new Set(chosen.map(({ notAfter }) => notAfter.getTime())).size).toBeGreaterThan(900);
  for (const { notAfter } of chosen) expect(notAfter.getTime()).toBeLessThanOrEqual(issuerNotAfter.getTime());
  for (const key of KEYS.slice(0, 10))
    expect(chooseValidity(30 * DAY, { ...limits, spread: { by, key } }, NOW)).toEqual(
      chooseValidity(30 * DAY, limits, NOW),
    );
});
