import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type ChainLink, createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { hookSelector } from "../../../services/certificate-authority/approval/selector.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import { facts } from "../../builders/facts.ts";
import { CLIENT, CLIENT_KUBELET, request } from "../../builders/request.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const KINDS = ["approved", "denied", "noOpinion", "skipped", "failed"] as const;

interface Member {
  readonly kind: (typeof KINDS)[number];
  readonly required: boolean;
  /** Whether its selector means the request; undefined has none. */
  readonly isMeant: boolean | undefined;
  readonly isSlow: boolean;
}

const member: fc.Arbitrary<Member> = fc.record({
  kind: fc.constantFrom(...KINDS),
  required: fc.boolean(),
  isMeant: fc.option(fc.boolean(), { nil: undefined }),
  isSlow: fc.boolean(),
});
const guard: fc.Arbitrary<Member> = fc.record({
  kind: fc.constantFrom("skipped", "noOpinion", "denied"),
  required: fc.constant(true),
  isMeant: fc.constant(undefined),
  isSlow: fc.constant(false),
});

function linkOf({ kind, required, isMeant, isSlow }: Member, name: string): ChainLink {
  const answer = (): Verdict => {
    if (kind === "failed") throw new Error("no answer");
    return { kind, reason: name, message: "", evidence: {} };
  };
  const review = isSlow ? async () => answer() : answer;
  const signers = isMeant === undefined ? undefined : [isMeant ? CLIENT_KUBELET : CLIENT];
  return { hook: { name, review }, required, selector: hookSelector({ signers }) };
}

/** What the design says the members come to. */
function expected(members: readonly Member[], limitDenies: boolean): string {
  const asked = members.filter(({ isMeant }) => isMeant !== false);
  const has = (kind: Member["kind"]) => asked.some((each) => each.kind === kind);
  if (has("denied")) return "denied";
  if (has("failed")) return "pending";
  const isMissing = asked.some(({ kind, required }) => required && kind === "noOpinion");
  if (has("approved") && !isMissing) return "approved";
  return limitDenies ? "denied" : "pending";
}

test("property: guards, selectors and limits come to what the design says, at once or not, in every order", async () => {
  const chain = fc.record({
    guards: fc.array(guard, { maxLength: 3 }),
    hooks: fc.array(member, { minLength: 1, maxLength: 5 }),
    limitDenies: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(chain, async ({ guards, hooks, limitDenies }) => {
      const limit = linkOf(
        { kind: limitDenies ? "denied" : "skipped", required: false, isMeant: undefined, isSlow: false },
        "limit",
      );
      const built = createChain({
        history: NO_HISTORY,
        keyPolicy: createFakeKeyPolicy(),
        guards: guards.map((each, index) => linkOf(each, `guard-${index}`)),
        hooks: hooks.map((each, index) => linkOf(each, `hook-${index}`)),
        limits: [limit.hook],
      });
      const answer = built.review({ csr: request(), facts: facts(), now: new Date(0) });
      const decision = await answer;
      expect(decision.outcome).toBe(expected([...guards, ...hooks], limitDenies));
      // A hold by a guard is never overruled by hooks, and what guards let pass leaves no entry.
      if (guards.some(({ kind }) => kind === "noOpinion")) expect(decision.outcome).not.toBe("approved");
      expect(decision.trace.some(({ hook, kind }) => hook.startsWith("guard") && kind === "skipped")).toBe(false);
      const isAtOnce = !hooks.some(({ isSlow, isMeant }) => isSlow && isMeant !== false);
      if (isAtOnce) expect(answer).not.toBeInstanceOf(Promise);
    }),
    { numRuns: 500 },
  );
});
