import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import type { HttpsExchange } from "../../../shared/https-exchange.ts";
import type { WebhookConnection } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { AccessAttributes, AccessDecision } from "../../domain/authorization.ts";
import type { ChainedAuthorizer } from "./chain.ts";
import { createDecisionCache } from "./decision-cache.ts";
import type { WebhookAuthorizerSettings } from "./settings.ts";

/** What became of one question: `failed` when there was no answer, `remembered` when nobody had to be asked. */
export type WebhookOutcome = "allowed" | "denied" | "noOpinion" | "failed" | "remembered";

export interface WebhookAuthorizerDependencies {
  readonly target: Pick<WebhookConnection, "url" | "token">;
  readonly exchange: HttpsExchange;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
  readonly observe?: ((name: string, outcome: WebhookOutcome, seconds: number) => void) | undefined;
}

/** Questions that may be under way at the same time; more count as not answered. */
const MAXIMUM_UNDER_WAY = 256;
const API_VERSION = "authorization.k8s.io/v1";
const KIND = "SubjectAccessReview";

const reviewSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(KIND),
  status: z
    .object({
      allowed: z.boolean().nullish(),
      denied: z.boolean().nullish(),
      reason: z.string().max(4096).nullish(),
    })
    .refine(({ allowed, denied }) => !(allowed === true && denied === true), "allowed and denied exclude each other"),
});

/**
 * Asks another server what a user may do, as kube-apiserver asks a webhook. An answer is remembered for a while; a
 * question that is not answered is decided by the failure policy, and asked again the next time.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go.
 */
export function webhookAuthorizer(
  settings: WebhookAuthorizerSettings,
  { target, exchange, clock, logger, observe = () => undefined }: WebhookAuthorizerDependencies,
): ChainedAuthorizer {
  const { name, authorizedTtlSeconds, unauthorizedTtlSeconds, failurePolicy } = settings;
  const cache = createDecisionCache({
    authorizedSeconds: authorizedTtlSeconds,
    unauthorizedSeconds: unauthorizedTtlSeconds,
    clock,
  });
  let underWay = 0;

  async function review(body: string): Promise<AccessDecision> {
    if (underWay >= MAXIMUM_UNDER_WAY) throw new Error(`${MAXIMUM_UNDER_WAY} questions are under way`);
    underWay += 1;
    const started = performance.now();
    try {
      const bearer = target.token();
      const headers = {
        "content-type": "application/json",
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      };
      const message = { method: "POST", headers, body } as const;
      const answer = await exchange(target.url, message).catch((error: unknown) => {
        // A kept connection may be closed by its other end just when it is used again.
        if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
        return exchange(target.url, message);
      });
      const decision = decisionIn(answer, name);
      observe(name, outcomeOf(decision), (performance.now() - started) / 1000);
      return decision;
    } catch (error) {
      observe(name, "failed", (performance.now() - started) / 1000);
      throw error;
    } finally {
      underWay -= 1;
    }
  }

  function failed(error: unknown): AccessDecision {
    // Without the question and the answer: what another server says may repeat our credentials.
    logger.warn({ webhook: name, problem: problemOf(error, target.url), failurePolicy }, "no answer on authorization");
    const reason = `the authorization webhook "${name}" gave no answer`;
    return failurePolicy === "Deny" ? { allowed: false, denied: true, reason } : { allowed: false, reason };
  }

  return {
    decide(user, attributes) {
      const body = JSON.stringify(reviewOf(user, attributes));
      const decision = cache.decide(body, () => review(body));
      if (decision instanceof Promise) return decision.catch(failed);
      observe(name, "remembered", 0);
      return decision;
    },
  };
}

function reviewOf({ username, uid, groups, extra }: UserInfo, attributes: AccessAttributes): object {
  const spec = {
    ...questionOf(attributes),
    user: username,
    ...(groups.length > 0 && { groups }),
    ...(Object.keys(extra).length > 0 && { extra }),
    ...(uid !== "" && { uid }),
  };
  return { kind: KIND, apiVersion: API_VERSION, metadata: {}, spec };
}

function questionOf(attributes: AccessAttributes): object {
  if (attributes.kind === "path") {
    const { path, verb } = attributes;
    return { nonResourceAttributes: { path, verb } };
  }
  const { kind: _, ...named } = attributes;
  const told = Object.entries(named).filter(([, value]) => value !== undefined && value !== "");
  return { resourceAttributes: Object.fromEntries(told) };
}

function decisionIn(answer: string, name: string): AccessDecision {
  const { allowed, denied, reason } = reviewSchema.parse(JSON.parse(answer)).status;
  const told = reason ? `webhook "${name}": ${reason}` : "";
  if (denied === true) return { allowed: false, denied: true, reason: told };
  return { allowed: allowed === true, reason: told };
}

function outcomeOf({ allowed, denied }: AccessDecision): WebhookOutcome {
  if (allowed) return "allowed";
  return denied === true ? "denied" : "noOpinion";
}

function problemOf(error: unknown, { host }: URL): string {
  if (error instanceof SyntaxError || error instanceof z.ZodError) return `${host} answered no ${KIND}`;
  return (error as Error).message;
}
