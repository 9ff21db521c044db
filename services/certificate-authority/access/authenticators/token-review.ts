import { z } from "zod";
import type { HttpsExchange } from "../../../shared/https-exchange.ts";
import type { WebhookConnection } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { STATIC_TOKEN_PREFIX } from "../../../shared/static-token.ts";
import { ANONYMOUS } from "../../../shared/user-info.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import { NOBODY, type Outcome, refused, type TokenAuthenticator } from "./authenticator.ts";

export interface TokenReviewDependencies {
  readonly target: Pick<WebhookConnection, "url" | "token">;
  readonly exchange: HttpsExchange;
  /** Empty for tokens of any audience. */
  readonly audiences: readonly string[];
}

const texts = z.array(z.string()).nullish();

const reviewSchema = z.object({
  apiVersion: z.literal("authentication.k8s.io/v1"),
  kind: z.literal("TokenReview"),
  status: z.object({
    authenticated: z.boolean().nullish(),
    user: z
      .object({
        username: z.string().nullish(),
        uid: z.string().nullish(),
        groups: texts,
        extra: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
      })
      .nullish(),
    audiences: texts,
    error: z.string().nullish(),
  }),
});

type Review = z.infer<typeof reviewSchema>["status"];

/**
 * Asks another server who a token's owner is, as kube-apiserver asks a webhook. Tokens that only our own token file can
 * know are not sent.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/webhook/webhook.go.
 */
export function tokenReviewAuthenticator({ target, exchange, audiences }: TokenReviewDependencies): TokenAuthenticator {
  async function review(token: string): Promise<Review> {
    const bearer = target.token();
    const answer = await exchange(target.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, ...(audiences.length > 0 && { audiences }) },
      }),
    });
    return reviewSchema.parse(JSON.parse(answer)).status;
  }
  return {
    name: "tokenReview",
    judges: "token",
    async authenticate(token): Promise<Outcome> {
      if (token.startsWith(STATIC_TOKEN_PREFIX)) return NOBODY;
      try {
        return outcomeOf(await review(token), audiences);
      } catch (error) {
        return refused(`the token cannot be reviewed: ${problemOf(error, target.url)}`, false);
      }
    },
  };
}

function outcomeOf({ authenticated, user, audiences }: Review, wanted: readonly string[]): Outcome {
  if (authenticated !== true) return refused("the reviewing server does not know the token");
  if (wanted.length > 0 && !audiences?.some((audience) => wanted.includes(audience))) {
    return refused("the reviewing server says that the token is for other audiences");
  }
  const username = user?.username ?? "";
  if (username === "" || username === ANONYMOUS.username) return refused("the reviewing server names no user");
  const extra = Object.entries(user?.extra ?? {}).map(([key, values]) => [key, values ?? []] as const);
  return {
    kind: "user",
    user: withAuthenticatedGroup({
      username,
      uid: user?.uid ?? "",
      groups: user?.groups ?? [],
      extra: Object.fromEntries(extra),
    }),
  };
}

/** What another server answers may hold the token, so none of it is passed on. */
function problemOf(error: unknown, { host }: URL): string {
  if (error instanceof SyntaxError || error instanceof z.ZodError) return `${host} answered no TokenReview`;
  return (error as Error).message;
}
