import { expect, test } from "@jest/globals";
import { parseSchedule } from "../../../../services/certificate-authority/rotation/scheduler/schedule.ts";

const AT = new Date("2026-03-29T00:59:30.500Z");

test.each([
  { text: "*/10 * * * *", next: "2026-03-29T01:00:00.000Z" },
  { text: "59 0 * * *", next: "2026-03-30T00:59:00.000Z" },
  { text: "31 59 0 * * *", next: "2026-03-29T00:59:31.000Z" },
  { text: "30 2 * * *", next: "2026-03-29T02:30:00.000Z" },
  { text: "0 3 * * 1", next: "2026-03-30T03:00:00.000Z" },
  { text: "0 0 29 2 *", next: "2028-02-29T00:00:00.000Z" },
  { text: "@hourly", next: "2026-03-29T01:00:00.000Z" },
  { text: "@every 90s", next: "2026-03-29T01:01:00.500Z" },
  { text: "@every 1d", next: "2026-03-30T00:59:30.500Z" },
])("$text comes next at $next, in UTC", ({ text, next }) => {
  expect(parseSchedule(text).next(AT).toISOString()).toBe(next);
});

test.each([
  { text: "", message: "must have five or six fields of cron, or be @hourly, @daily or @every 10m" },
  { text: "* * * *", message: "must have five or six fields of cron, or be @hourly, @daily or @every 10m" },
  { text: "* * * * * * 2030", message: "must have five or six fields of cron, or be @hourly, @daily or @every 10m" },
  {
    text: "2030-01-01T00:00:00Z",
    message: "must have five or six fields of cron, or be @hourly, @daily or @every 10m",
  },
  { text: "@reboot", message: "must have five or six fields of cron, or be @hourly, @daily or @every 10m" },
  { text: "61 * * * *", message: expect.stringContaining("is no cron expression: ") },
  { text: "a b c d e", message: expect.stringContaining("is no cron expression: ") },
  { text: "0 0 30 2 *", message: "never comes" },
  { text: "@every 0s", message: "must be @every and a duration from 1s to 366d, for example @every 10m" },
  { text: "@every soon", message: "must be @every and a duration from 1s to 366d, for example @every 10m" },
  { text: "@every 367d", message: "must be @every and a duration from 1s to 366d, for example @every 10m" },
])("$text is no schedule", ({ text, message }) => {
  expect(() => parseSchedule(text)).toThrow(expect.objectContaining({ name: "RangeError", message }));
});
