import { expect, test } from "@jest/globals";
import {
  type ChainedAuthorizer,
  chainAuthorizers,
  privilegedGroups,
} from "../../../../services/certificate-authority/access/authorization/chain.ts";
import type {
  AccessAttributes,
  AccessDecision,
} from "../../../../services/certificate-authority/domain/authorization.ts";
import { user } from "../../../builders/users.ts";

const QUESTION: AccessAttributes = { kind: "path", verb: "get", path: "/metrics" };
const ALLOW = { allowed: true, reason: "yes" };
const DENY = { allowed: false, denied: true, reason: "never" };
const SILENT = { allowed: false, reason: "" };
const UNSURE = { allowed: false, reason: "do not know" };

type Kind = "now" | "later";

function chainOf(...answers: readonly (readonly [Kind, AccessDecision])[]) {
  const asked: number[] = [];
  const authorizers = answers.map(([kind, decision], index): ChainedAuthorizer => {
    return {
      decide: () => {
        asked.push(index);
        return kind === "now" ? decision : Promise.resolve(decision);
      },
    };
  });
  return { asked, decide: () => chainAuthorizers(authorizers)(user("alice"), QUESTION) };
}

for (const kind of ["now", "later"] as const) {
  test.each([
    { name: "the first that allows wins", answers: [SILENT, ALLOW, DENY], decision: ALLOW, asked: [0, 1] },
    { name: "the first that denies wins", answers: [SILENT, DENY, ALLOW], decision: DENY, asked: [0, 1] },
    { name: "nobody's opinion is a refusal", answers: [SILENT, SILENT], decision: SILENT, asked: [0, 1] },
    {
      name: "a refusal tells every reason",
      answers: [UNSURE, SILENT, { allowed: false, reason: "nor do I" }],
      decision: { allowed: false, reason: "do not know; nor do I" },
      asked: [0, 1, 2],
    },
  ])(`answering ${kind}: $name`, async ({ answers, decision, asked }) => {
    const chain = chainOf(...answers.map((answer) => [kind, answer] as const));
    expect(await chain.decide()).toEqual(decision);
    expect(chain.asked).toEqual(asked);
  });
}

test("what is known at once is answered at once, and goes on after what had to be waited for", async () => {
  expect(chainOf(["now", SILENT], ["now", ALLOW]).decide()).toBe(ALLOW);
  const mixed = chainOf(["now", UNSURE], ["later", SILENT], ["now", UNSURE], ["later", ALLOW], ["now", DENY]);
  expect(await mixed.decide()).toBe(ALLOW);
  expect(mixed.asked).toEqual([0, 1, 2, 3]);
});

test.each(["system:masters", "gatehouse:administrators"])(
  "members of %s are let in before anybody is asked",
  (group) => {
    const decide = chainAuthorizers([privilegedGroups, { decide: () => DENY }]);
    expect(decide(user("alice", "others", group), QUESTION)).toMatchObject({ allowed: true });
    expect(decide(user(group), QUESTION)).toBe(DENY);
  },
);
