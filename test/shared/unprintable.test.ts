import { expect, test } from "@jest/globals";
import { escapeUnprintable, isPrintable, replaceUnprintable } from "../../services/shared/unprintable.ts";

test.each([
  { name: "an escape", character: "\u001b", escaped: "\\u001b" },
  { name: "a line feed", character: "\n", escaped: "\\u000a" },
  { name: "a control sequence introducer", character: "\u009b", escaped: "\\u009b" },
  { name: "a line separator", character: "\u2028", escaped: "\\u2028" },
  { name: "half of a pair", character: "\ud800", escaped: "\\ud800" },
  { name: "an override of direction", character: "\u202e", escaped: "\\u202e" },
  { name: "a mark of direction", character: "\u200f", escaped: "\\u200f" },
  { name: "an isolate", character: "\u2066", escaped: "\\u2066" },
])("no text: $name", ({ character, escaped }) => {
  const text = `a${character}b${character}`;
  expect(isPrintable(text)).toBe(false);
  expect(escapeUnprintable(text)).toBe(`a${escaped}b${escaped}`);
  expect(replaceUnprintable(`${text}\n`, "?")).toBe("a?b?");
});

test("what people write stays as it is", () => {
  const text = "worker-1, Zürich ☂ 東京 😀 עברית";
  expect(isPrintable(text)).toBe(true);
  expect([escapeUnprintable(text), replaceUnprintable(text, "?")]).toEqual([text, text]);
});
