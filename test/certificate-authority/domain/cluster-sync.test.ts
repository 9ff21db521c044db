import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type {
  CsrCondition,
  CsrStatus,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { isUndeliverable, planPodSync, planSync } from "../../../services/certificate-authority/domain/cluster-sync.ts";

const condition = (type: string, reason = type, status: CsrCondition["status"] = "True"): CsrCondition => ({
  ...{ type, status, reason, message: "" },
});
const status = (types: readonly (string | CsrCondition)[], certificate?: string): CsrStatus => ({
  ...(types.length > 0 && { conditions: types.map((type) => (typeof type === "string" ? condition(type) : type)) }),
  ...(certificate !== undefined && { certificate }),
});

describe("one step between a request and its record", () => {
  test.each([
    { name: "nothing is known of either", object: [], record: [], step: "agreed" },
    { name: "a person has approved", object: ["Approved"], record: [], step: "take" },
    { name: "a person has denied what we approved", object: ["Denied"], record: ["Approved"], step: "take" },
    { name: "a person has approved what we denied", object: ["Approved"], record: ["Denied"], step: "take" },
    { name: "others have written what is theirs", object: ["Theirs"], record: [], step: "take" },
    { name: "we have denied", object: [], record: ["Denied"], step: "approval" },
    { name: "we have approved", object: [], record: ["Approved"], step: "approval" },
    { name: "we have approved and failed", object: [], record: ["Approved", "Failed"], step: "approval" },
    {
      name: "the approval is there, the failure not",
      object: ["Approved"],
      record: ["Approved", "Failed"],
      step: "status",
    },
    { name: "we wait for an issuer", object: ["Approved"], record: ["Approved", "IssuerReady"], step: "status" },
    { name: "we wait no more", object: ["IssuerReady"], record: [], step: "status" },
    { name: "both are the same", object: ["Approved"], record: ["Approved"], step: "agreed" },
  ])("$name: $step", ({ object, record, step }) => {
    const planned = planSync(status(object), status(record));
    expect(planned.kind === "write" ? planned.target : planned.kind).toBe(step);
  });

  test("a certificate is written after the approval, and with nothing else", () => {
    const record = status(["Approved"], "ours");
    expect(planSync(status([]), record)).toEqual({ kind: "write", target: "approval", status: status(["Approved"]) });
    expect(planSync(status(["Approved"]), record)).toEqual({ kind: "write", target: "status", status: record });
    expect(planSync(record, record)).toEqual({ kind: "agreed" });
  });

  test("the words of who approved stay, and times make no difference", () => {
    const theirs = { ...condition("Approved", "Known"), lastUpdateTime: "2026-01-01T00:00:00Z" };
    const recorded = { ...theirs, lastUpdateTime: "2026-01-02T00:00:00Z" };
    expect(planSync(status([theirs], "a"), status([recorded], "a"))).toEqual({ kind: "agreed" });
    const step = planSync(status([theirs]), status([condition("Approved", "Ours")], "ours"));
    expect(step).toEqual({ kind: "take", status: status([theirs], "ours") });
  });

  test("a certificate that nobody gets is told from one that is on its way", () => {
    const record = status(["Approved"], "ours");
    expect(isUndeliverable(status(["Approved"]), record)).toBe(false);
    expect(isUndeliverable(record, record)).toBe(false);
    expect(isUndeliverable(status(["Approved"], "theirs"), record)).toBe(true);
    expect(isUndeliverable(status(["Denied"]), record)).toBe(true);
  });
});

/** What a kube-apiserver makes of a write. */
function written(object: CsrStatus, target: "approval" | "status", wanted: CsrStatus): CsrStatus {
  const isDecision = ({ type }: CsrCondition): boolean => type === "Approved" || type === "Denied";
  const decisions = (of: CsrStatus): readonly CsrCondition[] => (of.conditions ?? []).filter(isDecision);
  const others = (wanted.conditions ?? []).filter((each) => !isDecision(each));
  if (target === "status" && decisions(wanted).length !== decisions(object).length) throw new Error("422");
  if (new Set(decisions(wanted).map(({ type }) => type)).size > 1) throw new Error("422: approved and denied");
  if (target === "approval" && decisions(wanted).length < decisions(object).length) throw new Error("422: removed");
  const kept = target === "status" ? decisions(object) : decisions(wanted);
  if (object.certificate && target === "status" && wanted.certificate !== object.certificate)
    throw new Error("422: cert");
  const certificate = target === "status" ? wanted.certificate : object.certificate;
  return status([...kept, ...others], certificate);
}

describe("step by step", () => {
  const anyStatus = fc
    .record({
      decision: fc.constantFrom("", "Approved", "Denied"),
      others: fc.subarray(["Failed", "IssuerReady", "QuorumPending", "Theirs", "Another"]),
      certificate: fc.constantFrom(undefined, "ours", "theirs"),
    })
    .map(({ decision, others, certificate }) =>
      status([...(decision === "" ? [] : [condition(decision, `${decision}-${certificate}`)]), ...others], certificate),
    );

  test("whatever both say, they agree in the end, and no write is one that the API server refuses", () => {
    fc.assert(
      fc.property(anyStatus, anyStatus, (first, recorded) => {
        let [object, record] = [first, recorded];
        for (let steps = 0; ; steps += 1) {
          expect(steps).toBeLessThan(6);
          const step = planSync(object, record);
          if (step.kind === "agreed") break;
          if (step.kind === "take") record = step.status;
          else object = written(object, step.target, step.status);
        }
        // What the cluster had decided stands.
        for (const type of ["Approved", "Denied", "Failed"]) {
          const had = first.conditions?.some((each) => each.type === type) ?? false;
          expect(had && !object.conditions?.some((each) => each.type === type)).toBe(false);
        }
        if (first.certificate) expect(object.certificate).toBe(first.certificate);
      }),
    );
  });
});

describe("one step between a pod's request and its record", () => {
  test.each([
    { name: "nothing is known of either", object: status([]), record: status([]), step: "agreed" },
    { name: "we have approved, and not signed yet", object: status([]), record: status(["Approved"]), step: "agreed" },
    { name: "we have signed", object: status([]), record: status(["Approved"], "ours"), step: "status" },
    { name: "we have denied", object: status([]), record: status(["Denied"]), step: "status" },
    { name: "we have failed", object: status([]), record: status(["Approved", "Failed"]), step: "status" },
    { name: "ours is there", object: status(["Approved"], "a"), record: status(["Approved"], "a"), step: "agreed" },
    {
      name: "our failure is there",
      object: status(["Failed"]),
      record: status(["Approved", "Failed"]),
      step: "agreed",
    },
    { name: "others were first", object: status(["Approved"], "a"), record: status(["Approved"], "b"), step: "take" },
    { name: "others have denied", object: status(["Denied"]), record: status(["Approved"], "ours"), step: "take" },
  ])("$name: $step", ({ object, record, step }) => {
    const planned = planPodSync(object, record);
    expect(planned.kind === "write" ? planned.target : planned.kind).toBe(step);
  });
});
