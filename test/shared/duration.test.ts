import { expect, test } from "@jest/globals";
import { parseDuration } from "../../services/shared/duration.ts";

test.each([
  ["90s", 90],
  ["15m", 900],
  ["24h", 86_400],
  ["7d", 604_800],
  ["1h30m", 5_400],
  ["1d2h3m4s", 93_784],
  ["24h0m0s", 86_400],
  ["0s", 0],
  ["", undefined],
  ["24", undefined],
  ["h", undefined],
  ["1.5h", undefined],
  ["-1h", undefined],
  ["30m1h", undefined],
  [" 1h", undefined],
  ["1h\n", undefined],
  ["1w", undefined],
])("parseDuration: %j is %j seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});
