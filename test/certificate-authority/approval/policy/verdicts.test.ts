import { expect, test } from "@jest/globals";
import type { PreviousCertificate } from "../../../../services/certificate-authority/domain/review-document.ts";
import { ask, policyOf } from "../../../builders/policy.ts";
import { document } from "../../../builders/review-document.ts";

const YES = "nodeName == 'worker-1'";
const NO = "nodeName == 'nobody'";
/** Type-checks, and has no answer for a request without labels. */
const UNKNOWN = "request.labels['site'] == 'berlin'";

test.each([
  { name: "what a rule denies is denied", rules: [{ deny: YES }], kind: "denied", reason: "PolicyDenied" },
  { name: "what no rule denies is nobody's business", rules: [{ deny: NO }], kind: "skipped" },
  { name: "what is required and true passes", rules: [{ require: YES }], kind: "skipped" },
  { name: "what is required and false is denied", rules: [{ require: NO }], kind: "denied" },
  { name: "or held", rules: [{ require: NO, otherwise: "hold" }], kind: "noOpinion", reason: "PolicyHolds" },
  { name: "what a rule approves is approved", rules: [{ approve: YES }], kind: "approved", reason: "PolicyApproved" },
  { name: "what it does not approve is not", rules: [{ approve: NO }], kind: "noOpinion", reason: "NotApproved" },
  { name: "a rule that does not apply says nothing", rules: [{ when: NO, deny: YES }], kind: "skipped" },
  { name: "nor does one that would approve", rules: [{ when: NO, approve: YES }], kind: "skipped" },
  { name: "a denial wins over an approval", rules: [{ approve: YES }, { deny: YES }], kind: "denied" },
  { name: "a hold too", rules: [{ approve: YES }, { require: NO, otherwise: "hold" }], kind: "noOpinion" },
  { name: "a denial wins over a hold", rules: [{ require: NO, otherwise: "hold" }, { deny: YES }], kind: "denied" },
  { name: "a denial wins over what is unknown", rules: [{ deny: UNKNOWN }, { deny: YES }], kind: "denied" },
  { name: "the unknown never approves", rules: [{ approve: UNKNOWN }], kind: "noOpinion", reason: "NotApproved" },
  { name: "nor where it would apply", rules: [{ when: UNKNOWN, approve: YES }], kind: "noOpinion" },
  { name: "another rule may approve all the same", rules: [{ approve: UNKNOWN }, { approve: YES }], kind: "approved" },
])("$name", ({ rules, kind, reason = expect.any(String) }) => {
  const named = rules.map((rule, index) => ({ name: `rule-${index}`, ...rule }));
  expect(ask(policyOf(named))).toMatchObject({ kind, reason });
});

test.each([
  { name: "denies", rule: { deny: UNKNOWN } },
  { name: "requires", rule: { require: UNKNOWN } },
  { name: "holds", rule: { require: UNKNOWN, otherwise: "hold" } },
  { name: "denies where it is unknown whether it applies", rule: { when: UNKNOWN, deny: NO } },
])("a rule without an answer that $name makes the hook fail, whatever another approves", ({ rule }) => {
  const hook = policyOf([
    { name: "eager", approve: YES },
    { name: "site", ...rule },
  ]);
  expect(() => ask(hook)).toThrow(/^could not evaluate site: .*No such key: site/);
});

test("reasons and messages are the rule's own, the message by an expression when it has an answer", () => {
  const rule = { name: "names", require: NO, reason: "NameNotOurs", message: "not one of ours" };
  expect(ask(policyOf([rule]))).toMatchObject({ reason: "NameNotOurs", message: "not one of ours" });
  const said = (messageExpression: string) => ask(policyOf([{ ...rule, messageExpression }]));
  expect(said("nodeName + ' is not ours'")).toMatchObject({ message: "worker-1 is not ours" });
  expect(said("request.labels['site']")).toMatchObject({ message: "not one of ours" });
  expect(said("'  \\n '")).toMatchObject({ message: "not one of ours" });
  expect(said("nodeName + '\\n\\u001b[2J'")).toMatchObject({ message: "worker-1 [2J" });
  expect(said("nodeName + '\\u202e' + 'gnp'")).toMatchObject({ message: "worker-1 gnp" });
});

test("the trace tells the rule, those that applied, what had no answer and the values that were used", () => {
  const hook = policyOf(
    [
      { name: "far", when: NO, deny: YES },
      { name: "site", approve: UNKNOWN },
      { name: "lifetime", require: "hours <= 24" },
      { name: "names", approve: "prefix == 'worker' && size(usages) == 2" },
    ],
    {
      hours: "request.expirationSeconds / 3600",
      prefix: "nodeName.split('-')[0]",
      usages: "request.usages",
      unused: "subject.commonName",
    },
  );
  expect(ask(hook, document({ request: { expirationSeconds: 7200 } }))).toMatchObject({
    kind: "approved",
    evidence: {
      rule: "names",
      rules: ["site", "lifetime", "names"],
      unknown: [expect.stringMatching(/^site: /)],
      values: { hours: "2", prefix: "worker", usages: '["digital signature","client auth"]' },
    },
  });
});

test("values that a trace shows are clipped, and so many at most", async () => {
  const variables = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`v${index}`, "request.name"]));
  const all = Object.keys(variables).join(" + ");
  const verdict = await ask(
    policyOf([{ name: "all", deny: `size(${all}) > 0` }], variables),
    document({ request: { name: "x".repeat(1000) } }),
  );
  const values = Object.values(Object(verdict.evidence["values"]));
  expect(values).toHaveLength(20);
  expect(values.every((value) => value === `${"x".repeat(200)}…`)).toBe(true);
});

test("a variable without an answer leaves what reads it without one, and nothing else", () => {
  const rules = [
    { name: "uses", approve: "site == 'berlin'" },
    { name: "other", approve: YES },
  ];
  expect(ask(policyOf(rules, { site: "request.labels['site']" }))).toMatchObject({
    kind: "approved",
    evidence: { rule: "other" },
  });
});

test("earlier certificates are looked up only where a rule that applies asks for them", async () => {
  const certificate: PreviousCertificate = {
    ...{
      serial: "01",
      fingerprint: "ab".repeat(32),
      state: "valid" as const,
      spkiSha256: "cd".repeat(32),
      requester: "a",
    },
    ...{ notBefore: "2026-01-01T00:00:00.000Z", notAfter: "2026-02-01T00:00:00.000Z" },
    ...{ issuedAt: "2026-01-01T00:00:00.000Z", sans: document().sans },
  };
  const asked = document({ previous: [certificate] });
  const rule = { name: "first", deny: "previous.exists(c, c.state == 'valid' && c.notAfter > now)" };
  expect(await ask(policyOf([rule]), asked)).toMatchObject({ kind: "denied" });
  expect(await ask(policyOf([rule]))).toMatchObject({ kind: "skipped" });
  expect(ask(policyOf([rule]), asked)).toBeInstanceOf(Promise);
  expect(ask(policyOf([{ ...rule, when: NO }]), asked)).toMatchObject({ kind: "skipped" });
  expect(ask(policyOf([{ name: "first", deny: "joined" }], { joined: "size(previous) > 0" }), asked)).toBeInstanceOf(
    Promise,
  );
});
