import type { Clock } from "../../../shared/clock.ts";
import type { RuleLister } from "../../access/access.ts";
import type { Authorizer } from "../../domain/authorization.ts";
import type { Handler, Route } from "../call.ts";
import { AUTHORIZATION_GROUP, answerAccessReview } from "./access-review.ts";
import { reviewHandler } from "./review-exchange.ts";
import { answerRulesReview, answerSelfReview } from "./self-reviews.ts";

const AUTHENTICATION_GROUP = "authentication.k8s.io";

export interface AccessReviewDependencies {
  readonly authorizer: Authorizer & RuleLister;
  readonly clock: Clock;
}

/**
 * The reviews of `authorization.k8s.io` and `authentication.k8s.io`: what `kubectl auth can-i` and `kubectl auth whoami`
 * ask. That a caller may create a SubjectAccessReview at all is decided before, like any other right.
 */
export function routes({ authorizer, clock }: AccessReviewDependencies): readonly Route[] {
  const accessReview = (kind: "SubjectAccessReview" | "SelfSubjectAccessReview"): Handler =>
    reviewHandler({
      kind,
      answer: (review, { user }) => answerAccessReview(kind, review, user, authorizer),
    });
  const rulesReview = reviewHandler({
    kind: "SelfSubjectRulesReview",
    answer: (review, { user }) => answerRulesReview(review, user, authorizer),
  });
  const selfReview = reviewHandler({
    kind: "SelfSubjectReview",
    answer: (_review, { user }) => answerSelfReview(user, clock.now()),
  });
  return [
    route(AUTHORIZATION_GROUP, "v1", "subjectaccessreviews", accessReview("SubjectAccessReview")),
    route(AUTHORIZATION_GROUP, "v1", "selfsubjectaccessreviews", accessReview("SelfSubjectAccessReview")),
    route(AUTHORIZATION_GROUP, "v1", "selfsubjectrulesreviews", rulesReview),
    route(AUTHENTICATION_GROUP, "v1", "selfsubjectreviews", selfReview),
    // kubectl 1.27 knows `auth whoami` only here.
    route(AUTHENTICATION_GROUP, "v1beta1", "selfsubjectreviews", selfReview),
  ];
}

function route(group: string, version: string, resource: string, handler: Handler): Route {
  return { method: "POST", path: `/apis/${group}/${version}/${resource}`, handler };
}
