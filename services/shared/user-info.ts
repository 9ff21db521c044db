/** Who is calling, as Kubernetes' `authentication.k8s.io/v1` UserInfo has it. */
export interface UserInfo {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  /** The user who acts as this one; absent when it is the caller itself. No part of what the API shows as UserInfo. */
  readonly impersonatedBy?: string;
}

/** Extra key that carries `X509SHA256=<hex>` of the client certificate (kubernetes since 1.32). */
export const CREDENTIAL_ID_EXTRA = "authentication.kubernetes.io/credential-id";

/** Extra key of a bootstrap token that is bound to one node; its single value is the node's name. */
export const BOUND_NODE_EXTRA = "gatehouse.dev/bound-node-name";

export const ANONYMOUS: UserInfo = {
  username: "system:anonymous",
  uid: "",
  groups: ["system:unauthenticated"],
  extra: {},
};
