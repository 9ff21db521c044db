import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FACT_TYPES, factsOf } from "../../../../services/certificate-authority/approval/hooks/policy/facts.ts";
import { compileCel } from "../../../../services/shared/cel/cel.ts";
import type { CelType } from "../../../../services/shared/cel/cel-environment.ts";
import { arbitraryDocument } from "../../../builders/arbitrary-document.ts";
import { document } from "../../../builders/review-document.ts";

/** What a document says of itself, and not of a request; a policy decides a rehearsal as it decides in earnest. */
const NO_FACTS = ["apiVersion", "kind", "isRehearsal"];

/** Paths of all declared facts, with what tests their type. */
function typed(types: Readonly<Record<string, CelType>>, prefix = ""): readonly (readonly [string, string])[] {
  return Object.entries(types).flatMap(([name, type]) => {
    const path = prefix + name;
    return typeof type === "string" ? [[path, type] as const] : typed(type.fields, `${path}.`);
  });
}

const TESTS: Readonly<Record<string, (path: string) => string>> = {
  string: (path) => `size(${path} + 'a') > 0`,
  int: (path) => `${path} >= 0`,
  timestamp: (path) => `${path} > timestamp('1980-01-01T00:00:00Z')`,
  "list<string>": (path) => `${path}.all(item, size(item + 'a') > 0)`,
  "list<dyn>": (path) => `${path}.all(item, size(item.serial) >= 0 && item.notBefore == item.notBefore)`,
  dyn: (path) => `${path} == null || (size(${path}.machineId) >= 0 && ${path}.attestedAt == ${path}.attestedAt)`,
  "map<string, string>": (path) => `${path}.all(key, size(${path}[key]) >= 0)`,
  "map<string, list<string>>": (path) => `${path}.all(key, ${path}[key].all(item, size(item) >= 0))`,
};

test("every field of a document is a fact", () => {
  const { previous: _, ...plain } = document();
  const facts = factsOf(document());
  const fields = (value: object) => Object.keys(value).filter((field) => !NO_FACTS.includes(field));
  expect(fields(facts).sort()).toEqual(fields(document()).sort());
  expect(Object.keys(FACT_TYPES).sort()).toEqual(fields(facts).sort());
  for (const [name, type] of Object.entries<CelType>(FACT_TYPES)) {
    const part: unknown = Object(plain)[name];
    if (typeof type === "object") expect(Object.keys(type.fields).sort()).toEqual(Object.keys(Object(part)).sort());
  }
});

test("facts are of the types that rules are checked by, whatever a request says", () => {
  const programs = typed(FACT_TYPES).map(([path, type]) => {
    const text = TESTS[type]?.(path);
    if (text === undefined) throw new Error(`no test for type ${type} of ${path}`);
    return compileCel(text, { variables: FACT_TYPES, result: "bool", where: path });
  });
  fc.assert(
    fc.property(arbitraryDocument, (asked) => {
      for (const program of programs)
        expect([program.source, program.evaluate(factsOf(asked))]).toEqual([program.source, true]);
    }),
  );
});
