import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { arbitrate } from "../../../services/certificate-authority/approval/arbitration.ts";
import { explainDecision } from "../../../services/certificate-authority/approval/explain.ts";
import type { TraceEntry, Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { Flip } from "../../../services/certificate-authority/domain/explanation.ts";

function entry(hook: string, kind: TraceEntry["kind"], more: Partial<TraceEntry> = {}): TraceEntry {
  const said = { reason: "Because", message: `${hook} said so`, evidence: {}, durationMicroseconds: 1 };
  return { hook, kind, required: false, ...said, ...more };
}

function explain(...trace: readonly TraceEntry[]) {
  return explainDecision(arbitrate(trace));
}

test.each([
  {
    name: "a SAN without evidence: the hook's own hint says what to do",
    trace: [
      entry("manual", "noOpinion"),
      entry("kubelet-serving", "noOpinion", {
        required: true,
        evidence: { hint: "SAN 10.0.0.9: add it to inventory" },
      }),
    ],
    flips: [
      {
        outcome: "approved",
        message: "approved if kubelet-serving approved it",
        changes: [
          { hook: "kubelet-serving", from: "noOpinion", to: ["approved"], hint: "SAN 10.0.0.9: add it to inventory" },
        ],
      },
      { outcome: "denied", message: "denied if manual denied it" },
      { outcome: "denied", message: "denied if kubelet-serving denied it" },
    ],
  },
  {
    name: "nobody approved: each hook that might",
    trace: [entry("bootstrap-token", "noOpinion"), entry("manual", "noOpinion"), entry("policy", "skipped")],
    flips: [
      { outcome: "approved", message: "approved if manual approved it" },
      { outcome: "approved", message: "approved if policy approved it" },
      { outcome: "denied", message: "denied if bootstrap-token denied it" },
      { outcome: "denied", message: "denied if manual denied it" },
      { outcome: "denied", message: "denied if policy denied it" },
    ],
  },
  {
    name: "a required hook besides an approval",
    trace: [entry("kubelet-client", "approved"), entry("manual", "noOpinion", { required: true })],
    flips: [
      { outcome: "approved", message: "approved if manual approved it", needsApproval: false },
      { outcome: "denied", message: "denied if kubelet-client denied it" },
      { outcome: "denied", message: "denied if manual denied it" },
    ],
  },
  {
    name: "people of whom not enough have approved: how many are to go",
    trace: [entry("manual", "noOpinion", { message: "1 of 2 people have approved it (alice); 1 more to go" })],
    flips: [
      {
        outcome: "approved",
        changes: [{ hook: "manual", to: ["approved"], hint: "1 of 2 people have approved it (alice); 1 more to go" }],
      },
      { outcome: "denied", message: "denied if manual denied it" },
    ],
  },
  {
    name: "a denial, behind which nobody was asked",
    trace: [entry("policy", "denied", { evidence: { hint: "ask for 86400 s or less" } })],
    flips: [
      {
        outcome: "approved",
        asksOn: true,
        needsApproval: true,
        message:
          "approved if policy did not deny it; the hooks behind it would be asked then; one of the hooks has to approve",
        changes: [
          { hook: "policy", from: "denied", to: ["approved", "noOpinion", "skipped"], hint: "ask for 86400 s or less" },
        ],
      },
    ],
  },
  {
    name: "a refusal by the signer's profile after the approval",
    trace: [entry("kubelet-client", "approved"), entry("signer-profile", "denied", { required: true })],
    flips: [
      {
        outcome: "approved",
        asksOn: false,
        needsApproval: false,
        message: "approved if signer-profile did not deny it",
      },
    ],
  },
  {
    name: "a guard that holds a request back never approves; somebody else did",
    trace: [entry("first-join", "noOpinion", { required: true }), entry("kubelet-client", "approved")],
    flips: [
      {
        outcome: "approved",
        message: "approved if first-join did not hold it back",
        changes: [{ hook: "first-join", to: ["skipped"], hint: "first-join said so" }],
      },
      { outcome: "denied", message: "denied if first-join denied it" },
      { outcome: "denied", message: "denied if kubelet-client denied it" },
    ],
  },
  {
    name: "a hook that failed",
    trace: [entry("kubelet-client", "approved"), entry("webhook", "failed")],
    flips: [
      { outcome: "approved", message: "approved if webhook could be asked" },
      { outcome: "denied", message: "denied if kubelet-client denied it" },
      { outcome: "denied", message: "denied if webhook denied it" },
    ],
  },
  {
    name: "an approval",
    trace: [entry("manual", "noOpinion"), entry("kubelet-client", "approved")],
    flips: [
      { outcome: "pending", message: "pending if kubelet-client did not approve it" },
      { outcome: "denied", message: "denied if manual denied it" },
      { outcome: "denied", message: "denied if kubelet-client denied it" },
    ],
  },
])("$name", ({ trace, flips }) => {
  expect(explain(...trace).flips).toMatchObject(flips);
});

test("a hint is cut to a sensible length, and what the hook said stands in for one", () => {
  const [long] = explain(entry("policy", "denied", { evidence: { hint: "x".repeat(5_000) } })).flips;
  expect(long?.changes[0]?.hint).toHaveLength(1_024);
  const [said] = explain(entry("policy", "denied", { evidence: { hint: 7 } })).flips;
  expect(said?.changes[0]?.hint).toBe("policy said so");
});

test.each([
  { name: "those behind the one that denied", hook: "policy", asks: ["manual", "script"] },
  { name: "all behind a guard", hook: "first-join", asks: ["policy", "manual", "script"] },
  { name: "nobody behind one that is no more", hook: "former", asks: [] },
])("hooks that were not asked are named: $name", ({ hook, asks }) => {
  const chain = ["policy", "manual", "script"].map((name) => ({ name, required: name === "script" }));
  const { flips } = explainDecision(arbitrate([entry(hook, "denied")]), chain);
  const named = asks.length === 0 ? "the hooks behind it" : asks.join(", ").replace("script", "script (required)");
  const message = `approved if ${hook} did not deny it; ${named} would be asked then; one of the hooks has to approve`;
  expect(flips).toMatchObject([{ outcome: "approved", asksOn: true, asks, message }]);
});

const ANSWERS: readonly Verdict["kind"][] = ["approved", "denied", "noOpinion", "skipped"];

const anyTrace = fc
  .array(fc.record({ kind: fc.constantFrom(...ANSWERS, "failed" as const), required: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((links) => links.map(({ kind, required }, index) => entry(`hook-${index}`, kind, { required })));

/** The sets of hooks whose verdicts, changed in the best way, bring the outcome; only the smallest. */
function smallestSets(trace: readonly TraceEntry[], outcome: Flip["outcome"]): readonly string[] {
  const found: { readonly size: number; readonly hooks: string }[] = [];
  for (let mask = 1; mask < 1 << trace.length; mask += 1) {
    const chosen = trace.flatMap((_, index) => (mask & (1 << index) ? [index] : []));
    if (!reaches(trace, chosen, outcome)) continue;
    found.push({ size: chosen.length, hooks: chosen.map((index) => trace[index]?.hook).join("+") });
  }
  const least = Math.min(...found.map(({ size }) => size));
  return found.filter(({ size }) => size === least).map(({ hooks }) => hooks);
}

function reaches(trace: readonly TraceEntry[], chosen: readonly number[], outcome: Flip["outcome"]): boolean {
  const [index, ...rest] = chosen;
  if (index === undefined) return arbitrate(trace).outcome === outcome;
  return ANSWERS.some((kind) => reaches(trace.with(index, { ...entryAt(trace, index), kind }), rest, outcome));
}

function entryAt(trace: readonly TraceEntry[], index: number): TraceEntry {
  const found = trace[index];
  if (found === undefined) throw new Error(`no entry ${index}`);
  return found;
}

test("property: the changes named are the smallest there are, all of them, by trying every other", () => {
  fc.assert(
    fc.property(anyTrace, (trace) => {
      const { outcome, flips } = explain(...trace);
      fc.pre(outcome !== "denied");
      for (const wanted of ["approved", "pending", "denied"] as const) {
        if (wanted === outcome || (outcome === "pending" && wanted === "pending")) continue;
        const named = flips.filter((flip) => flip.outcome === wanted);
        const sets = named.map(({ changes }) =>
          changes
            .map(({ hook }) => hook)
            .toSorted()
            .join("+"),
        );
        expect(sets.toSorted()).toEqual(smallestSets(trace, wanted).toSorted());
      }
    }),
    { numRuns: 500 },
  );
});

test("property: a change that is said to do does, whichever of its verdicts is taken", () => {
  fc.assert(
    fc.property(anyTrace, fc.nat(), (trace, seed) => {
      for (const { outcome, changes, needsApproval } of explain(...trace).flips) {
        const changed = changes.map(({ hook, to }, place) => ({
          hook,
          kind: to[(seed + place) % to.length] ?? "skipped",
        }));
        const approving = changed.map((change, place) =>
          needsApproval && place === 0 ? { ...change, kind: "approved" as const } : change,
        );
        const next = trace.map((old) => ({
          ...old,
          kind: approving.find(({ hook }) => hook === old.hook)?.kind ?? old.kind,
        }));
        expect(arbitrate(next).outcome).toBe(outcome);
      }
    }),
    { numRuns: 500 },
  );
});
