import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Verdict } from "../../../../services/certificate-authority/domain/decision.ts";
import { arbitraryDocument } from "../../../builders/arbitrary-document.ts";
import { ask, openPolicy, policyOf } from "../../../builders/policy.ts";
import { document } from "../../../builders/review-document.ts";

/** What an expression comes to. */
type Truth = "true" | "false" | "unknown";

const EXPRESSIONS: Readonly<Record<Truth, readonly string[]>> = {
  true: ["nodeName == 'worker-1'", "size(request.usages) == 2", "always", "previous == []"],
  false: ["nodeName == 'nobody'", "request.expirationSeconds > 0", "!always", "size(previous) > 0"],
  unknown: [
    ...[
      "request.labels['site'] == ''",
      "lost == ''",
      "request.usages[7] == ''",
      "int(nodeName) > 0",
      "previous[0].serial == ''",
    ],
    ...["10 / request.expirationSeconds > 0", "cidr(nodeName).containsIP('10.0.0.1')", "now.getHours(nodeName) > 0"],
  ],
};
const VARIABLES = { always: "nodeName == 'worker-1'", lost: "request.labels['lost']" };

const expression = fc
  .constantFrom<Truth>("true", "false", "unknown")
  .chain((truth) => fc.constantFrom(...EXPRESSIONS[truth]).map((text) => ({ truth, text })));
const rule = fc.record({
  effect: fc.constantFrom("deny", "require", "hold", "approve"),
  when: fc.option(expression, { nil: undefined }),
  body: expression,
});
type Rule = typeof rule extends fc.Arbitrary<infer T> ? T : never;

function written({ effect, when, body }: Rule, index: number): object {
  const part = effect === "hold" ? { require: body.text, otherwise: "hold" } : { [effect]: body.text };
  return { name: `rule-${index}`, ...(when && { when: when.text }), ...part };
}

/** What a rule comes to, by the truth of its parts: the table that the policy's semantics are. */
function effectOf({ effect, when, body }: Rule): "denies" | "holds" | "approves" | "fails" | "hesitates" | "passes" {
  const applies = when?.truth ?? "true";
  if (applies === "false") return "passes";
  const truth = applies === "unknown" ? "unknown" : body.truth;
  if (effect === "approve") return truth === "true" ? "approves" : "hesitates";
  if (truth === "unknown") return "fails";
  const objects = effect === "deny" ? truth === "true" : truth === "false";
  if (!objects) return "passes";
  return effect === "hold" ? "holds" : "denies";
}

function expected(rules: readonly Rule[]): Verdict["kind"] | "thrown" {
  const effects = new Set(rules.map(effectOf));
  if (effects.has("denies")) return "denied";
  if (effects.has("fails")) return "thrown";
  if (effects.has("holds")) return "noOpinion";
  if (effects.has("approves")) return "approved";
  return effects.has("hesitates") ? "noOpinion" : "skipped";
}

async function verdictOf(hook: ReturnType<typeof policyOf>, asked = document()): Promise<Verdict["kind"] | "thrown"> {
  try {
    return (await ask(hook, asked)).kind;
  } catch (error) {
    expect(error).toMatchObject({ message: expect.stringMatching(/^could not evaluate /) });
    return "thrown";
  }
}

test("any rules come to what their table says, whatever has no answer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 5 }), async (rules) => {
      expect(await verdictOf(policyOf(rules.map(written), VARIABLES))).toBe(expected(rules));
    }),
    { numRuns: 150 },
  );
});

test("a rule that denies or requires and has no answer is never outvoted", async () => {
  const objecting = rule.filter((each) => effectOf(each) === "fails");
  await fc.assert(
    fc.asyncProperty(objecting, fc.array(rule, { maxLength: 4 }), fc.nat(), async (failing, others, place) => {
      const rules = others.toSpliced(place % (others.length + 1), 0, failing);
      expect(["denied", "thrown"]).toContain(await verdictOf(policyOf(rules.map(written), VARIABLES)));
    }),
    { numRuns: 60 },
  );
});

test("whatever a request says, the example's rules answer, and approve only what they should", async () => {
  const hook = openPolicy({ file: join(import.meta.dirname, "../../../../config/policies/example.yaml") });
  let approvals = 0;
  await fc.assert(
    fc.asyncProperty(arbitraryDocument, async (asked) => {
      const kind = await verdictOf(hook, asked);
      if (kind !== "approved") return;
      approvals += 1;
      expect(asked.request.signerName).toBe("kubernetes.io/kube-apiserver-client-kubelet");
      expect(asked.nodeName).toMatch(/^(control-plane|worker)-\d{1,3}$/);
      expect(asked.subject.organization).toEqual(["system:nodes"]);
    }),
    { numRuns: 1000 },
  );
  expect(approvals).toBeGreaterThan(0);
});

test("what a trace says stays small, whatever a request says", async () => {
  const hook = policyOf([{ name: "all", deny: "true", messageExpression: "all" }], {
    all: "request.name + subject.commonName + requester.username + request.usages.join('')",
    groups: "requester.groups",
  });
  await fc.assert(
    fc.asyncProperty(arbitraryDocument, fc.string({ maxLength: 2000 }), async (asked, username) => {
      const verdict = await ask(hook, { ...asked, requester: { ...asked.requester, username } });
      expect(JSON.stringify(verdict).length).toBeLessThan(5000);
      expect(verdict.message).not.toMatch(/\p{Cc}/u);
    }),
  );
});
