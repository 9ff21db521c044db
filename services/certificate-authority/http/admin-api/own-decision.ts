import { StatusError } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { Authorizer } from "../../domain/authorization.ts";

const DECISION_PATH = /^\/v1\/requests\/[^/]+\/decision$/;
const AUTHENTICATED_GROUP = "system:authenticated";

/**
 * Lets everybody who is somebody as far as the handler of decisions, which shows requesters their own, and nothing else
 * to those who may not read decisions.
 */
export function admittingRequesters(authorizer: Authorizer): Authorizer {
  return {
    authorize(user, attributes) {
      if (attributes.kind !== "path" || attributes.verb !== "get" || !DECISION_PATH.test(attributes.path)) {
        return authorizer.authorize(user, attributes);
      }
      if (!user.groups.includes(AUTHENTICATED_GROUP)) return authorizer.authorize(user, attributes);
      return { allowed: true, reason: "requesters may read what was decided on their own requests" };
    },
  };
}

/** Refused in the words of any other refusal, whether or not there is such a request. */
export function decisionForbidden({ username }: UserInfo, path: string): StatusError {
  return new StatusError("Forbidden", `forbidden: User "${username}" cannot get path "${path}"`);
}
