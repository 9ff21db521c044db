import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { PolicyError } from "../../../../services/certificate-authority/approval/hooks/policy/problems.ts";
import { policyHook } from "../../../../services/certificate-authority/approval/hooks/policy.ts";
import { ask, openPolicy, policyFile, policyOf } from "../../../builders/policy.ts";
import { document } from "../../../builders/review-document.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const directory = temporaryDirectory();

function problemsOf(file: string): readonly string[] {
  try {
    openPolicy({ file });
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
}

test("every expression that cannot be used is named by file, rule, part and character", () => {
  const file = policyFile(directory, "wrong.yaml", {
    variables: { nodes: "nodeNames", now: "request.uid" },
    rules: [
      { name: "one", deny: "nodeName == 1" },
      { name: "two", when: "has(nodeName", require: "requester.name == ''" },
      { name: "three", approve: "nodeName", messageExpression: "1" },
      { name: "four", deny: "nodeName.matches(request.name)" },
    ],
  });
  expect(problemsOf(file)).toEqual([
    expect.stringMatching(
      /wrong\.yaml: variables\.nodes: the CEL expression "nodeNames" cannot be used: .*nodeNames.*character 1\)/,
    ),
    expect.stringMatching(/wrong\.yaml: variables\.now: the name now is taken/),
    expect.stringMatching(/wrong\.yaml: rules\[0\] \(one\) deny: .*string == int/),
    expect.stringMatching(/wrong\.yaml: rules\[1\] \(two\) when: /),
    expect.stringMatching(/wrong\.yaml: rules\[1\] \(two\) require: .*No such key: name/),
    expect.stringMatching(/wrong\.yaml: rules\[2\] \(three\) approve: .*it answers string, and must answer bool/),
    expect.stringMatching(
      /wrong\.yaml: rules\[2\] \(three\) messageExpression: .*it answers int, and must answer string/,
    ),
    expect.stringMatching(/wrong\.yaml: rules\[3\] \(four\) deny: .*must be written out/),
  ]);
});

test.each([
  { name: "two effects", rule: { deny: "true", approve: "true" }, says: /rules\[0\] \(a\): .*exactly one of/ },
  { name: "no effect", rule: {}, says: /exactly one of deny, require and approve/ },
  { name: "otherwise without require", rule: { deny: "true", otherwise: "hold" }, says: /\.otherwise.*require only/ },
  { name: "an unknown key", rule: { deny: "true", reasno: "X" }, says: /Unrecognized key: "reasno"/ },
  { name: "a reason that is no word", rule: { deny: "true", reason: "no good" }, says: /\.reason.*must be a word/ },
  { name: "an unknown otherwise", rule: { require: "true", otherwise: "pass" }, says: /\.otherwise/ },
])("a rule with $name is refused by its place", ({ rule, says }) => {
  const problems = problemsOf(policyFile(directory, "rule.yaml", { rules: [{ name: "a", ...rule }] }));
  expect(problems).toEqual([expect.stringMatching(says)]);
});

test.each([
  { name: "is not there", text: undefined, says: /absent\.yaml: cannot be read/ },
  { name: "is no YAML", text: "a: [", says: /is not valid YAML/ },
  { name: "nests without end", text: "[".repeat(200_000), says: /is not valid YAML/ },
  {
    name: "has aliases without end",
    text: `a: &a [${"x,".repeat(50)}]\nb: &b [${"*a,".repeat(99)}]\nc: [${"*b,".repeat(99)}]`,
    says: /not valid YAML/,
  },
  {
    name: "is of another kind",
    text: "apiVersion: gatehouse.dev/v1\nkind: Policy\nrules: []",
    says: /kind: Invalid input/,
  },
  { name: "is too large", text: `#${"x".repeat(1024 * 1024)}`, says: /larger than 1048576 bytes/ },
])("a file that $name is refused", ({ text, says }) => {
  const file = join(directory, text === undefined ? "absent.yaml" : "file.yaml");
  if (text !== undefined) writeFileSync(file, text);
  expect(problemsOf(file)[0]).toMatch(says);
});

test("rules of other files take part, with their own variables, parameters and names", async () => {
  policyFile(directory, "lifetime.yaml", {
    parameters: { hours: { type: "int" }, signers: { type: "list<string>", default: ["*"] } },
    variables: { asked: "request.expirationSeconds" },
    rules: [{ name: "lifetime", deny: "asked > hours * 3600", message: "too long" }],
  });
  const file = policyFile(directory, "main.yaml", {
    variables: { asked: "nodeName" },
    rules: [
      { include: "lifetime.yaml", as: "short", when: "asked == 'worker-1'", with: { hours: 1 } },
      { include: "lifetime.yaml", as: "long", with: { hours: 24 } },
      { name: "nodes", approve: "asked.startsWith('worker-')" },
    ],
  });
  const hook = openPolicy({ file });
  const of = (nodeName: string, hours: number) =>
    ask(
      hook,
      document({ subject: { commonName: `system:node:${nodeName}` }, request: { expirationSeconds: hours * 3600 } }),
    );
  expect(of("worker-1", 1)).toMatchObject({ kind: "approved", evidence: { rule: "nodes" } });
  expect(of("worker-1", 2)).toMatchObject({ kind: "denied", evidence: { rule: "short/lifetime" } });
  expect(of("worker-2", 2)).toMatchObject({ kind: "approved" });
  expect(of("worker-2", 25)).toMatchObject({ kind: "denied", evidence: { rule: "long/lifetime" } });
});

test.each([
  {
    name: "an unknown parameter",
    entry: { with: { hours: 1, days: 1 } },
    says: /rules\[0\]: there is no parameter days; there are: hours/,
  },
  { name: "a missing parameter", entry: {}, says: /parameter hours needs a value/ },
  { name: "a parameter of another type", entry: { with: { hours: "one" } }, says: /parameter hours must be a int/ },
  { name: "a file that is not there", entry: { include: "absent.yaml" }, says: /absent\.yaml: cannot be read/ },
])("$name is refused where the file is included", ({ entry, says }) => {
  policyFile(directory, "part.yaml", {
    parameters: { hours: { type: "int" } },
    rules: [{ name: "a", deny: "hours > 1" }],
  });
  const file = policyFile(directory, "whole.yaml", { rules: [{ include: "part.yaml", ...entry }] });
  expect(problemsOf(file)).toEqual([expect.stringMatching(says)]);
});

test("names are unique, files include no circle, and nothing is without end", () => {
  const twice = [
    { name: "a", deny: "true" },
    { name: "a", deny: "true" },
  ];
  expect(problemsOf(policyFile(directory, "twice.yaml", { rules: twice }))).toEqual([
    expect.stringMatching(/\(a\).*already/),
  ]);
  const self = policyFile(directory, "self.yaml", { rules: [{ include: "self.yaml" }] });
  expect(problemsOf(self)).toEqual([expect.stringMatching(/includes itself/)]);
  for (let depth = 0; depth < 8; depth += 1)
    policyFile(directory, `deep-${depth}.yaml`, { rules: [{ include: `deep-${depth + 1}.yaml` }] });
  expect(problemsOf(join(directory, "deep-0.yaml"))).toEqual([expect.stringMatching(/more than 5 deep/)]);
  policyFile(directory, "leaf.yaml", { rules: [{ name: "leaf", deny: "false" }] });
  const many = Array.from({ length: 120 }, (_, index) => ({ include: "leaf.yaml", as: `n${index}` }));
  expect(problemsOf(policyFile(directory, "many.yaml", { rules: many }))[0]).toMatch(/more than 100 files/);
});

test("truth values of YAML are expressions, and names of objects' own parts are names like others", () => {
  const rules = [{ name: "all", when: true, approve: true }];
  expect(ask(policyOf(rules))).toMatchObject({ kind: "approved" });
  expect(ask(policyOf([{ name: "all", approve: "constructor" }], { constructor: "true" }))).toMatchObject({
    kind: "approved",
  });
  policyFile(directory, "odd.yaml", {
    parameters: { constructor: { type: "string" } },
    rules: [{ name: "all", deny: "constructor == 'a'" }],
  });
  const problems = problemsOf(policyFile(directory, "outer.yaml", { rules: [{ include: "odd.yaml" }] }));
  expect(problems).toEqual([expect.stringMatching(/parameter constructor needs a value/)]);
});

test("a rule set in the configuration is named by its hook", () => {
  expect(() => policyOf([{ name: "a", deny: "nodename == ''" }])).toThrow(
    /^approval\.hooks policy: rules\[0\] \(a\) deny: .*Unknown variable: nodename/,
  );
});

test("a policy names the files it was made from, included ones too", () => {
  policyFile(directory, "inner.yaml", { rules: [{ name: "a", deny: "false" }] });
  const file = policyFile(directory, "outer.yaml", { rules: [{ include: "inner.yaml" }, { library: "key-type" }] });
  const files = openPolicy({ file }).files?.() ?? [];
  expect(files).toEqual([
    file,
    join(directory, "inner.yaml"),
    expect.stringMatching(/config\/policies\/key-type\.yaml$/),
  ]);
});

test.each([
  { required: false, otherwise: "hold", warns: true },
  { required: true, otherwise: "hold", warns: false },
  { required: false, otherwise: "deny", warns: false },
] as const)(
  "what holds without being required is named: $otherwise, required $required",
  ({ required, otherwise, warns }) => {
    const { logger, lines } = recordingLogger();
    const rules = [{ name: "a", require: "true", otherwise }];
    policyHook({ rules }, { where: "approval.hooks policy", required, logger });
    const said = { rules: ["a"], msg: expect.stringMatching(/^approval\.hooks policy is not required/) };
    expect(lines).toEqual(warns ? [expect.objectContaining(said)] : []);
  },
);
