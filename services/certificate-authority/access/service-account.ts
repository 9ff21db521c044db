import { isDnsLabel, isDnsSubdomain } from "../../shared/dns-names.ts";

const USER_PREFIX = "system:serviceaccount:";
const GROUP = "system:serviceaccounts";

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** `system:serviceaccount:<namespace>:<name>`. */
export function serviceAccountUsername({ namespace, name }: ServiceAccount): string {
  return `${USER_PREFIX}${namespace}:${name}`;
}

/**
 * @returns undefined when the user is no service account.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go (SplitUsername).
 */
export function serviceAccountOf(username: string): ServiceAccount | undefined {
  if (!username.startsWith(USER_PREFIX)) return undefined;
  const [namespace = "", name = "", ...more] = username.slice(USER_PREFIX.length).split(":");
  return more.length === 0 && isDnsLabel(namespace) && isDnsSubdomain(name) ? { namespace, name } : undefined;
}

/** The groups every service account of a namespace is in. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return [GROUP, `${GROUP}:${namespace}`];
}
