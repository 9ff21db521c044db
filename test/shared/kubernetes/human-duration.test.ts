import { expect, test } from "@jest/globals";
import { humanDuration } from "../../../services/shared/kubernetes/human-duration.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

test.each([
  { seconds: -2, text: "<invalid>" },
  { seconds: -1.5, text: "0s" },
  { seconds: -1, text: "0s" },
  { seconds: 0, text: "0s" },
  { seconds: 0.9, text: "0s" },
  { seconds: 119, text: "119s" },
  { seconds: 120, text: "2m" },
  { seconds: 121, text: "2m1s" },
  { seconds: 10 * MINUTE - 1, text: "9m59s" },
  { seconds: 10 * MINUTE, text: "10m" },
  { seconds: 3 * HOUR - 1, text: "179m" },
  { seconds: 3 * HOUR, text: "3h" },
  { seconds: 3 * HOUR + MINUTE, text: "3h1m" },
  { seconds: 8 * HOUR - 1, text: "7h59m" },
  { seconds: 8 * HOUR, text: "8h" },
  { seconds: 2 * DAY - 1, text: "47h" },
  { seconds: 2 * DAY, text: "2d" },
  { seconds: 2 * DAY + HOUR, text: "2d1h" },
  { seconds: 8 * DAY - 1, text: "7d23h" },
  { seconds: 8 * DAY, text: "8d" },
  { seconds: 2 * YEAR - 1, text: "729d" },
  { seconds: 2 * YEAR, text: "2y" },
  { seconds: 2 * YEAR + DAY, text: "2y1d" },
  { seconds: 8 * YEAR - 1, text: "7y364d" },
  { seconds: 8 * YEAR, text: "8y" },
  { seconds: 100 * YEAR, text: "100y" },
])("$seconds seconds are $text", ({ seconds, text }) => {
  expect(humanDuration(seconds)).toBe(text);
});
