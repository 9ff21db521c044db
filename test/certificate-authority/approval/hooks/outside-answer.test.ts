import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  parseOutsideJson,
  verdictOf,
} from "../../../../services/certificate-authority/approval/hooks/outside-answer.ts";

const ASKED = { answerer: "script", uid: "uid-1" } as const;

/** What a text that somebody outside wrote comes to; undefined when it is no answer. */
function kindOf(text: string): string | undefined {
  try {
    return verdictOf(parseOutsideJson(text), ASKED).kind;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

/** Texts that look like answers more often than chance would have it. */
const key = fc.constantFrom(
  "decision",
  "Decision",
  "decision ",
  "reason",
  "message",
  "evidence",
  "uid",
  "__proto__",
  "x",
);
const value = fc.oneof(
  fc.constantFrom("approve", "approved", "Approve", "deny", "uid-1", "Word", "", "two words"),
  fc.jsonValue({ maxDepth: 3 }),
);
const object = fc.array(fc.tuple(key, value), { maxLength: 5 }).map((entries) => {
  const members = entries.map(([name, content]) => `${JSON.stringify(name)}:${JSON.stringify(content)}`);
  return `{${members.join(",")}}`;
});

test("property: nothing but one object that says approve, and that once, approves", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        object,
        fc.json(),
        fc.string(),
        fc.tuple(object, fc.string()).map((both) => both.join("")),
      ),
      (text) => {
        if (kindOf(text) !== "approved") return;
        const parsed = JSON.parse(text) as { decision: unknown; uid?: unknown };
        expect(parsed.decision).toBe("approve");
        expect([undefined, "uid-1"]).toContain(parsed.uid);
        expect(text.match(/"decision":/g)).toHaveLength(1);
      },
    ),
    { numRuns: 5000 },
  );
});

test.each([
  { name: "at its top", evidence: '{"__proto__":{"x":1}}' },
  { name: "deeper", evidence: '{"a":[{"__proto__":1}]}' },
])("evidence with a key that is a prototype elsewhere is none: $name", ({ evidence }) => {
  expect(kindOf(`{"decision":"approve","evidence":${evidence}}`)).toBeUndefined();
});

test.each(["[]", '"text"', "null", "1"])("evidence is an object, not %s", (evidence) => {
  expect(kindOf(`{"decision":"approve","evidence":${evidence}}`)).toBeUndefined();
});

test("property: an answer that is cut anywhere is none", () => {
  const whole = JSON.stringify({
    decision: "approve",
    reason: "Word",
    message: "a – sentence",
    evidence: { a: [1, "b"] },
  });
  expect(kindOf(whole)).toBe("approved");
  for (let length = 0; length < whole.length; length += 1) expect(kindOf(whole.slice(0, length))).toBeUndefined();
});

test("property: what a verdict holds can be shown anywhere", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
      const answer = { decision: "deny", message: text, evidence: { [text]: [text] } };
      if (kindOf(JSON.stringify(answer)) === undefined) return;
      expect(text).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/u);
    }),
    { numRuns: 5000 },
  );
});

test("deep nesting is refused without ending the process", () => {
  const deep = `{"decision":"approve","evidence":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`;
  expect(kindOf(deep)).toBeUndefined();
  expect(kindOf("[".repeat(1_000_000))).toBeUndefined();
});
