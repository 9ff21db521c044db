import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseFieldSelector } from "../../../services/shared/kubernetes/field-selector.ts";
import { parseLabelSelector } from "../../../services/shared/kubernetes/label-selector.ts";
import { StatusError } from "../../../services/shared/status-error.ts";

const FIELDS = ["metadata.name", "spec.signerName"];
const badRequest = expect.objectContaining({ name: "StatusError", reason: "BadRequest" });

describe("parseFieldSelector", () => {
  const name = (value: string, equal = true) => ({ field: "metadata.name", equal, value });

  test.each([
    { text: "", terms: [] },
    { text: ",,", terms: [] },
    { text: "metadata.name=a", terms: [name("a")] },
    { text: "metadata.name==a", terms: [name("a")] },
    { text: "metadata.name!=a", terms: [name("a", false)] },
    { text: "=", terms: [] },
    { text: "!=,metadata.name=,==", terms: [name("")] },
    { text: "metadata.name=", terms: [name("")] },
    { text: "metadata.name!=", terms: [name("", false)] },
    {
      text: "metadata.name=a,spec.signerName!=b/c",
      terms: [name("a"), { field: "spec.signerName", equal: false, value: "b/c" }],
    },
    { text: String.raw`metadata.name=a\,b\=c\\d`, terms: [name("a,b=c\\d")] },
    { text: "metadata.name= a", terms: [name(" a")] },
  ])("$text", ({ text, terms }) => {
    expect(parseFieldSelector(text, FIELDS)).toEqual(terms);
  });

  test.each([
    "metadata.name",
    "status.certificate=a",
    "metadata.name =a",
    "=a",
    "!=a",
    "metadata.name=a=b",
    "metadata.name===a",
    String.raw`metadata.name=a\b`,
    "metadata.name=a\\",
    Array(101).fill("metadata.name=a").join(","),
  ])("%s is refused", (text) => {
    expect(() => parseFieldSelector(text, FIELDS)).toThrow(badRequest);
  });

  test("a hundred terms are read", () => {
    expect(parseFieldSelector(Array(100).fill("metadata.name=a").join(","), FIELDS)).toHaveLength(100);
  });
});

describe("parseLabelSelector", () => {
  const labels = { tier: "front", app: "web", count: "7", empty: "", "example.com/role": "x" };

  test.each([
    { text: "", matches: true },
    { text: " ", matches: true },
    { text: "tier=front", matches: true },
    { text: "tier==front", matches: true },
    { text: "tier = front", matches: true },
    { text: "tier=back", matches: false },
    { text: "missing=", matches: false },
    { text: "empty=", matches: true },
    { text: "empty", matches: true },
    { text: "tier!=back", matches: true },
    { text: "tier!=front", matches: false },
    { text: "missing!=a", matches: true },
    { text: "tier", matches: true },
    { text: "missing", matches: false },
    { text: "!missing", matches: true },
    { text: "! tier", matches: false },
    { text: "tier in (front,back)", matches: true },
    { text: "tier in(back)", matches: false },
    { text: "empty in (,a)", matches: true },
    { text: "empty in ()", matches: true },
    { text: "missing in (a)", matches: false },
    { text: "tier notin (front)", matches: false },
    { text: "tier notin (back)", matches: true },
    { text: "missing notin (a)", matches: true },
    { text: "count>6", matches: true },
    { text: "count > 7", matches: false },
    { text: "count<8", matches: true },
    { text: "count<7", matches: false },
    { text: "app>1", matches: false },
    { text: "missing<1", matches: false },
    { text: "example.com/role=x", matches: true },
    { text: "tier=front,app=web", matches: true },
    { text: "tier=front,app=db", matches: false },
    { text: "in in (in)", matches: false },
    { text: "constructor", matches: false },
    { text: "!constructor", matches: true },
  ])("$text: $matches", ({ text, matches }) => {
    expect(parseLabelSelector(text)(labels)).toBe(matches);
  });

  test("an object without labels has none", () => {
    expect(parseLabelSelector("a")(undefined)).toBe(false);
    expect(parseLabelSelector("!a")(undefined)).toBe(true);
  });

  test.each([
    ",",
    "a,",
    ",a",
    "a,,b",
    "=a",
    "!",
    "!!a",
    "!a=b",
    "a=b c",
    "a b",
    "a in",
    "a in b",
    "a in (b",
    "a in (b c)",
    "a in b)",
    "a=(b)",
    "a>b",
    "a>",
    "a<-1",
    "a=-b",
    "a/b/c",
    "/a",
    "A.com/a",
    "-a",
    "a&b",
    `${"a".repeat(64)}`,
    `a=${"b".repeat(64)}`,
    `${"a".repeat(254)}/b`,
    "a".repeat(64 * 1024 + 1),
  ])("%s is refused", (text) => {
    expect(() => parseLabelSelector(text)).toThrow(badRequest);
  });

  test("keys and values are read up to their limits", () => {
    const key = `${"a".repeat(253)}/${"b".repeat(63)}`;
    const value = "c".repeat(63);
    expect(parseLabelSelector(`${key}=${value}`)({ [key]: value })).toBe(true);
  });
});

test("any text is a selector or refused", () => {
  const token = fc.constantFrom(
    "a",
    "in",
    "notin",
    "=",
    "==",
    "!=",
    "!",
    "(",
    ")",
    ",",
    "<",
    ">",
    " ",
    "1",
    "\\",
    "é",
    "\n",
    "/",
    "metadata.name",
  );
  const text = fc.oneof(
    fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join("")),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (selector) => {
      for (const parse of [
        () => parseLabelSelector(selector)({ a: "1" }),
        () => parseFieldSelector(selector, FIELDS),
      ]) {
        try {
          parse();
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
      }
    }),
    { numRuns: 3_000 },
  );
});

test("long hostile selectors end", () => {
  for (const text of [
    "a".repeat(60_000),
    "(".repeat(60_000),
    "a,".repeat(30_000),
    " ".repeat(60_000),
    "a in (".repeat(9_000),
  ]) {
    try {
      parseLabelSelector(text);
    } catch (error) {
      expect(error).toBeInstanceOf(StatusError);
    }
  }
  expect(() => parseFieldSelector("\\".repeat(60_001), FIELDS)).toThrow(badRequest);
});
