import type { UserInfo } from "./user-info.ts";

export const NODE_USER_PREFIX = "system:node:";
export const NODES_GROUP = "system:nodes";

/**
 * Whether a user is a node: a name prefix *and* a group, decided here and nowhere else.
 *
 * Source: kubernetes pkg/auth/nodeidentifier/default.go.
 */
export function isNode(user: Pick<UserInfo, "username" | "groups">): boolean {
  return user.username.startsWith(NODE_USER_PREFIX) && user.groups.includes(NODES_GROUP);
}

/** @returns the node's name, which may be empty, or undefined when the user is no node. */
export function nodeNameOf(user: Pick<UserInfo, "username" | "groups">): string | undefined {
  return isNode(user) ? user.username.slice(NODE_USER_PREFIX.length) : undefined;
}

/** Whether `username` is the one of the node of that name. Compares without cutting the name out of it. */
export function isUserOfNode(username: string, nodeName: string): boolean {
  const hasLength = username.length === NODE_USER_PREFIX.length + nodeName.length;
  return hasLength && username.startsWith(NODE_USER_PREFIX) && username.endsWith(nodeName);
}
