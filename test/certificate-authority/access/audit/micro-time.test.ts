import { expect, test } from "@jest/globals";
import { createMicroClock } from "../../../../services/certificate-authority/access/audit/micro-time.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

test.each([
  { name: "six digits", microseconds: 1_767_323_045_123_456, is: "2026-01-02T03:04:05.123456Z" },
  { name: "zeros in front", microseconds: 1_767_323_045_000_007, is: "2026-01-02T03:04:05.000007Z" },
  { name: "a whole second", microseconds: 1_767_323_046_000_000, is: "2026-01-02T03:04:06.000000Z" },
])("written with $name", ({ microseconds, is }) => {
  expect(createMicroClock(new SettableClock()).format(microseconds)).toBe(is);
});

test("the calendar gives the instant, the monotonic clock what lies between its milliseconds", () => {
  const calendar = new SettableClock("2026-01-02T03:04:05Z");
  let elapsed = 10;
  const clock = createMicroClock(calendar, () => elapsed);
  const start = clock.now();
  elapsed += 0.25;
  expect(clock.now() - start).toBe(250);
  elapsed += 1.5;
  expect(clock.now() - start).toBe(1750);
  expect(clock.format(start)).toBe("2026-01-02T03:04:05.000000Z");
});

test("a calendar that is set is followed", () => {
  const calendar = new SettableClock("2026-01-02T03:04:05Z");
  const clock = createMicroClock(calendar, () => 10);
  clock.now();
  calendar.advance(-3600);
  expect(clock.format(clock.now())).toBe("2026-01-02T02:04:05.000000Z");
});
