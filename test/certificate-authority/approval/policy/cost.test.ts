import { expect, test } from "@jest/globals";
import { ask, policyOf } from "../../../builders/policy.ts";
import { document } from "../../../builders/review-document.ts";

/** As many as a request body may hold, and more than anybody is in. */
const groups = Array.from({ length: 2000 }, (_, index) => `group-${index}`);
const asked = document({ requester: { groups } });
/** Looks at each pair of groups, and is true. */
const COSTLY = "requester.groups.all(a, requester.groups.all(b, a != '' || b != ''))";

test("a costly rule is given up: it never approves, and where it denies or requires the hook fails", () => {
  expect(ask(policyOf([{ name: "a", approve: COSTLY }]), asked)).toMatchObject({
    kind: "noOpinion",
    evidence: { unknown: [expect.stringMatching(/^a: it takes more than 200000 steps/)] },
  });
  for (const effect of ["deny", "require"])
    expect(() => ask(policyOf([{ name: "a", [effect]: COSTLY }]), asked)).toThrow(
      /could not evaluate a: it takes more/,
    );
  expect(() => ask(policyOf([{ name: "a", when: COSTLY, deny: "false" }]), asked)).toThrow(/could not evaluate a/);
});

test("nor is it hidden by what is true beside it", () => {
  expect(ask(policyOf([{ name: "a", approve: `${COSTLY} || true` }]), asked)).toMatchObject({ kind: "noOpinion" });
  expect(() => ask(policyOf([{ name: "a", deny: `${COSTLY} && false` }]), asked)).toThrow(/could not evaluate/);
});

test("many rules that are costly together are given up as well, and the rest with them", () => {
  const half = "requester.groups.all(a, requester.groups.exists(b, b == 'group-9'))";
  const rules = Array.from({ length: 100 }, (_, index) => ({ name: `a-${index}`, approve: `!(${half})` }));
  const last = { name: "last", deny: "false" };
  expect(ask(policyOf([rules[0] ?? {}, last]), asked)).toMatchObject({ kind: "noOpinion" });
  expect(() => ask(policyOf([...rules, last]), asked)).toThrow(/last: .*together/);
});

test("the next review begins anew", () => {
  const hook = policyOf([{ name: "a", approve: COSTLY }]);
  expect(ask(hook, asked)).toMatchObject({ kind: "noOpinion" });
  expect(ask(hook)).toMatchObject({ kind: "approved" });
});
