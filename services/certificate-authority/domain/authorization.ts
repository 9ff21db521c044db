import type { UserInfo } from "../../shared/user-info.ts";

/** Bound to `cluster-admin` by a stock binding: every right here, none in a cluster whose CA was imported. */
export const ADMINISTRATORS_GROUP = "gatehouse:administrators";

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
