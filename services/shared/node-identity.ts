import type { UserInfo } from "./user-info.ts";

export const NODE_USER_PREFIX = "system:node:";
export const NODES_GROUP = "system:nodes";

/**
 * The node a user is: a name prefix *and* a group, decided here and nowhere else.
 *
 * @returns the node's name, or undefined when the user is no node.
 * Source: kubernetes pkg/auth/nodeidentifier/default.go.
 */
export function nodeNameOf(user: Pick<UserInfo, "username" | "groups">): string | undefined {
  if (!user.username.startsWith(NODE_USER_PREFIX) || !user.groups.includes(NODES_GROUP)) return undefined;
  return user.username.slice(NODE_USER_PREFIX.length);
}
