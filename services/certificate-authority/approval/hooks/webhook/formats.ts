import type { Verdict } from "../../../domain/decision.ts";
import type { ReviewDocument } from "../../../domain/review-document.ts";
import { parseOutsideJson, verdictOf } from "../outside-answer.ts";
import type { WebhookSettings } from "../webhook-settings.ts";

/** How a service is asked, and what its answers mean. */
export interface WebhookFormat {
  body(document: ReviewDocument): string;
  /** @throws {Error} when the answer is none; the message holds nothing of it. */
  verdict(answer: string, document: ReviewDocument): Verdict;
}

const GATEHOUSE: WebhookFormat = {
  body: (document) => JSON.stringify(document),
  verdict: (answer, { request }) => verdictOf(parseOutsideJson(answer), { answerer: "webhook", uid: request.uid }),
};

/**
 * Open Policy Agent's data API: `POST /v1/data/<package>/<rule>` answers what the rule is of an input. A rule that is
 * undefined has no opinion. `true` approves; `false` has no opinion either, since it is what a rule says that no
 * condition was met for, which is no reason to deny. A rule that is an object says what our own format does.
 *
 * Source: Open Policy Agent, REST API, "Get a Document (with Input)".
 */
const OPA: WebhookFormat = {
  body: (document) => JSON.stringify({ input: document }),
  verdict(answer, { request }) {
    const value = parseOutsideJson(answer);
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error("the answer is not one of OPA's data API");
    // Beside the result stand a decision's id, metrics and warnings, each when it was asked for.
    const { result } = value as { readonly result?: unknown };
    if (result === undefined) return UNDEFINED_RULE;
    if (result === true) return ALLOWED;
    if (result === false) return NOT_ALLOWED;
    return verdictOf(result, { answerer: "webhook", uid: request.uid });
  },
};

const ALLOWED: Verdict = { kind: "approved", reason: "PolicyAllowed", message: "OPA's policy allows it", evidence: {} };
const NOT_ALLOWED: Verdict = {
  kind: "noOpinion",
  reason: "PolicyNotMet",
  message: "OPA's policy does not allow it",
  evidence: {},
};
const UNDEFINED_RULE: Verdict = {
  kind: "noOpinion",
  reason: "PolicyUndefined",
  message: "OPA's policy says nothing about it",
  evidence: {},
};

export const FORMATS: Readonly<Record<WebhookSettings["format"], WebhookFormat>> = { gatehouse: GATEHOUSE, opa: OPA };
