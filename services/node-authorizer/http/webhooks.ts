import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import { CREDENTIAL_ID_EXTRA } from "../../shared/user-info.ts";
import type {
  AccessQuestion,
  AccessVerdict,
  AdmissionQuestion,
  AdmissionVerdict,
  AudienceQuestion,
} from "../domain/questions.ts";
import type { VetoedRequester } from "../domain/veto.ts";
import { accessAnswer, readAccessReview } from "./access-review.ts";
import { admissionAnswer, readAdmissionReview } from "./admission-review.ts";
import { readJsonBody, sendError, sendJsonText } from "./exchange.ts";
import { parseObject } from "./json-reader.ts";
import type { Metrics } from "./metrics.ts";

/** A review of access has attributes only; kube-apiserver does not even remember answers on more than 10,000 octets. */
const MAX_ACCESS_BYTES = 1024 * 1024;
/** A review of admission has an object, twice: etcd takes 1.5 MiB of one. */
const MAX_ADMISSION_BYTES = 6 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 1;
/** What is written down of a denial; there is one credential, mostly. */
const MAX_LOGGED_CREDENTIALS = 4;
const MAX_LOGGED_REASON = 1_024;

/** Who answers. */
export interface Decisions {
  /** Why there can be no verdict yet; undefined when there can. */
  readonly unreadiness: () => string | undefined;
  readonly veto: (user: VetoedRequester) => AccessVerdict;
  readonly authorize: (question: AccessQuestion) => AccessVerdict;
  readonly admit: (question: AdmissionQuestion) => AdmissionVerdict;
  /** Asks the cluster's authorizers as that user. @throws when they do not answer. */
  readonly isAudienceAllowed: (
    user: VetoedRequester & { readonly uid: string },
    attributes: AudienceQuestion["attributes"],
  ) => Promise<boolean>;
}

export interface WebhookDependencies {
  readonly decisions: Decisions;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow?: () => number;
}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * The two webhooks of kube-apiserver. What cannot be judged is answered with a Status, never with a verdict: 4xx for what is
 * no review, 503 with Retry-After while the graph is not whole, which kube-apiserver tries again.
 */
export function createWebhooks(deps: WebhookDependencies): { readonly authorize: Listener; readonly admit: Listener } {
  const { decisions, metrics, logger, monotonicNow = () => performance.now() } = deps;

  type Answer = (body: Buffer) => string | Promise<string>;

  function listener(webhook: "authorize" | "admit", limit: number, answer: Answer): Listener {
    return (request, response) => {
      const fail = (error: unknown): void => {
        if (!(error instanceof StatusError)) logger.error({ err: error, webhook }, "could not judge a review");
        metrics.refused(webhook, error instanceof StatusError ? error.reason : "InternalError");
        sendError(request, response, error);
      };
      const judge = (body: Buffer): void => {
        try {
          const text = answer(body);
          if (typeof text === "string") sendJsonText(response, 200, text);
          else text.then((later) => sendJsonText(response, 200, later)).catch(fail);
        } catch (error) {
          fail(error);
        }
      };
      readJsonBody(request, limit, judge, fail);
    };
  }

  function requireReady(): void {
    const reason = decisions.unreadiness();
    if (reason === undefined) return;
    throw new StatusError("ServiceUnavailable", reason, { details: { retryAfterSeconds: RETRY_AFTER_SECONDS } });
  }

  function authorize(body: Buffer): string {
    const startedAt = monotonicNow();
    const { apiVersion, user, question } = readAccessReview(parseObject(body));
    requireReady();
    const vetoed = decisions.veto(user);
    const verdict = vetoed.verdict === "deny" ? vetoed : decisions.authorize(question);
    metrics.decided("authorize", question.resource, verdict.verdict, (monotonicNow() - startedAt) / 1000);
    if (verdict.verdict === "deny") reportDenial(logger, "authorize", user, question, verdict.reason);
    return accessAnswer(apiVersion, verdict);
  }

  async function admit(body: Buffer): Promise<string> {
    const startedAt = monotonicNow();
    const { uid, user, question } = readAdmissionReview(parseObject(body));
    requireReady();
    const vetoed = decisions.veto(user);
    const isVetoed = vetoed.verdict === "deny";
    const refusal = isVetoed ? forbidden(vetoed.reason) : await refusalOf(decisions, user, question);
    const verdict = refusal === undefined ? "allow" : "deny";
    metrics.decided("admit", question.resource, verdict, (monotonicNow() - startedAt) / 1000);
    if (refusal !== undefined) reportDenial(logger, "admit", user, question, refusal.message);
    return admissionAnswer(uid, refusal);
  }

  return {
    authorize: listener("authorize", MAX_ACCESS_BYTES, authorize),
    admit: listener("admit", MAX_ADMISSION_BYTES, admit),
  };
}

async function refusalOf(
  decisions: Decisions,
  user: VetoedRequester & { readonly uid: string },
  question: AdmissionQuestion,
) {
  const verdict = decisions.admit(question);
  if (verdict.kind === "allowed") return undefined;
  if (verdict.kind === "refused") return verdict;
  return (await decisions.isAudienceAllowed(user, verdict.attributes)) ? undefined : verdict.otherwise;
}

function forbidden(message: string) {
  return { code: 403, reason: "Forbidden", message } as const;
}

/** The record of every denial: who, with which credential, wanted what, and why not. */
function reportDenial(
  logger: Logger,
  webhook: "authorize" | "admit",
  user: VetoedRequester,
  question: AccessQuestion | AdmissionQuestion,
  reason: string,
): void {
  const wanted = "verb" in question ? question.verb : question.operation;
  const credential = user.extra[CREDENTIAL_ID_EXTRA]?.slice(0, MAX_LOGGED_CREDENTIALS).map(clipped);
  const [group, resource, subresource, namespace, name] = [
    question.group,
    question.resource,
    question.subresource,
    question.namespace,
    question.name,
  ].map(clipped);
  logger.warn(
    {
      audit: "denied",
      webhook,
      user: clipped(user.username),
      credential,
      wanted,
      group,
      resource,
      subresource,
      namespace,
      name,
      reason: reason.slice(0, MAX_LOGGED_REASON),
    },
    "denied a request",
  );
}

/** Names have at most 253 characters; what a review says may have a million. */
function clipped(text: string): string {
  return text.slice(0, 256);
}
