import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { arbitrate, isIncomplete } from "../../../services/certificate-authority/approval/arbitration.ts";
import type { TraceEntry } from "../../../services/certificate-authority/domain/decision.ts";

const KINDS = ["approved", "denied", "noOpinion", "skipped", "failed"] as const;
type Kind = (typeof KINDS)[number];

function entry(kind: Kind, required: boolean, index: number): TraceEntry {
  const hook = `hook-${index}`;
  return { hook, required, kind, reason: `${hook}-reason`, message: "", evidence: {}, durationMicroseconds: index };
}

interface Row {
  readonly name: string;
  readonly hooks: readonly (readonly [Kind, boolean])[];
  readonly outcome: string;
  readonly hook: string | undefined;
}

test.each<Row>([
  { name: "nobody was asked", hooks: [], outcome: "pending", hook: undefined },
  { name: "silence is no consent", hooks: [["noOpinion", false]], outcome: "pending", hook: undefined },
  {
    name: "one approval is enough",
    hooks: [
      ["noOpinion", false],
      ["approved", false],
    ],
    outcome: "approved",
    hook: "hook-1",
  },
  {
    name: "the first approval speaks",
    hooks: [
      ["approved", false],
      ["approved", true],
    ],
    outcome: "approved",
    hook: "hook-0",
  },
  {
    name: "a required hook is silent",
    hooks: [
      ["approved", false],
      ["noOpinion", true],
    ],
    outcome: "pending",
    hook: undefined,
  },
  {
    name: "two required, one silent",
    hooks: [
      ["approved", true],
      ["noOpinion", true],
    ],
    outcome: "pending",
    hook: undefined,
  },
  {
    name: "two required approve",
    hooks: [
      ["approved", true],
      ["approved", true],
    ],
    outcome: "approved",
    hook: "hook-0",
  },
  {
    name: "a denial beats required approvals",
    hooks: [
      ["approved", true],
      ["denied", false],
    ],
    outcome: "denied",
    hook: "hook-1",
  },
  {
    name: "the first denial speaks",
    hooks: [
      ["denied", false],
      ["denied", true],
    ],
    outcome: "denied",
    hook: "hook-0",
  },
])("arbitrate: $name", ({ hooks, outcome, hook }) => {
  const trace = hooks.map(([kind, required], index) => entry(kind, required, index));
  const decision = arbitrate(trace);
  expect(decision).toMatchObject({ outcome, hook, trace });
  if (hook) expect(decision.reason).toBe(`${hook}-reason`);
});

/** All combinations of verdict and flag for up to four hooks: 1 + 10 + 100 + 1,000 + 10,000. */
function allTraces(length: number): readonly (readonly TraceEntry[])[] {
  if (length === 0) return [[]];
  return allTraces(length - 1).flatMap((trace) =>
    KINDS.flatMap((kind) => [true, false].map((required) => [...trace, entry(kind, required, trace.length)])),
  );
}

test.each([0, 1, 2, 3, 4])("arbitrate: every combination of %i hooks follows the rules", (length) => {
  for (const trace of allTraces(length)) {
    const isDenied = trace.some(({ kind }) => kind === "denied");
    const isApproved =
      !isDenied &&
      trace.every(({ kind }) => kind !== "failed") &&
      trace.some(({ kind }) => kind === "approved") &&
      trace.every(({ kind, required }) => !required || kind === "approved" || kind === "skipped");
    const decision = arbitrate(trace);
    expect(decision.outcome).toBe(isDenied ? "denied" : isApproved ? "approved" : "pending");
    expect(decision.trace).toBe(trace);
    expect(isIncomplete(decision)).toBe(!isDenied && trace.some(({ kind }) => kind === "failed"));
    const settledBy = trace.find(({ hook }) => hook === decision.hook);
    expect(settledBy?.kind).toBe(decision.outcome === "pending" ? undefined : decision.outcome);
    expect(decision.message === "" && decision.outcome === "pending").toBe(false);
  }
});

test("property: order changes who speaks, never what is decided", () => {
  const trace$ = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.boolean()), { maxLength: 8 });
  fc.assert(
    fc.property(trace$, (rows) => {
      const trace = rows.map(([kind, required], index) => entry(kind, required, index));
      expect(arbitrate([...trace].reverse()).outcome).toBe(arbitrate(trace).outcome);
    }),
  );
});
