import type { AccessVerdict } from "./questions.ts";

/** Verdicts are shared objects: a decision makes none. */
export const ALLOW: AccessVerdict = Object.freeze({ verdict: "allow", reason: "" });
export const NO_OPINION: AccessVerdict = Object.freeze({ verdict: "noOpinion", reason: "" });

export function noOpinion(reason: string): AccessVerdict {
  return Object.freeze({ verdict: "noOpinion", reason });
}

export function deny(reason: string): AccessVerdict {
  return Object.freeze({ verdict: "deny", reason });
}
