import type { UserInfo } from "../../shared/user-info.ts";

/** Bound to `cluster-admin` by a stock binding: every right here, none in a cluster whose CA was imported. */
export const ADMINISTRATORS_GROUP = "gatehouse:administrators";

/** Kubernetes' group of that kind and ours. Whatever roles and webhooks say, somebody can put them right. */
const PRIVILEGED_GROUPS: readonly string[] = ["system:masters", ADMINISTRATORS_GROUP];

/** The group by which a user may do everything; undefined for everybody else. */
export function privilegedGroupOf({ groups }: Pick<UserInfo, "groups">): string | undefined {
  return PRIVILEGED_GROUPS.find((name) => groups.includes(name));
}

/** What a caller wants to do: an API resource, or a path that is none. */
export type AccessAttributes =
  | {
      readonly kind: "resource";
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly name?: string;
      readonly namespace?: string;
    }
  | { readonly kind: "path"; readonly verb: string; readonly path: string };

/** Access is refused unless something allows it; `reason` names the binding that did, or says why not, or is empty. */
export interface AccessDecision {
  readonly allowed: boolean;
  /** Refused outright, so that nobody else was asked; otherwise nobody had an opinion. */
  readonly denied?: boolean;
  readonly reason: string;
}

/** May this user do that? Asked by the HTTP edge, by admission and by the recognisers of `kubelet-client`. */
export interface Authorizer {
  authorize(user: UserInfo, attributes: AccessAttributes): AccessDecision | Promise<AccessDecision>;
}
