import { ANONYMOUS, type UserInfo } from "../../shared/user-info.ts";

export const AUTHENTICATED_GROUP = "system:authenticated";
export const UNAUTHENTICATED_GROUP = "system:unauthenticated";

/**
 * Adds `system:authenticated` unless the user is the anonymous one or already says whether it is authenticated.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/group/authenticated_group_adder.go.
 */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.username === ANONYMOUS.username) return user;
  if (user.groups.some((group) => group === AUTHENTICATED_GROUP || group === UNAUTHENTICATED_GROUP)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}
