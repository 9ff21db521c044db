import { StatusError } from "../../shared/status-error.ts";
import { ANONYMOUS, type UserInfo } from "../../shared/user-info.ts";
import type { AccessAttributes, AccessDecision } from "../domain/authorization.ts";
import { AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP } from "./groups.ts";
import { serviceAccountGroups, serviceAccountOf } from "./service-account.ts";

/** What the `Impersonate-*` headers ask for. */
export interface Impersonation {
  readonly user?: string | undefined;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  /** Keys percent-decoded and in lower case. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

type ResourceAttributes = Extract<AccessAttributes, { kind: "resource" }>;
type Decide = (user: UserInfo, attributes: AccessAttributes) => AccessDecision | Promise<AccessDecision>;

const AUTHENTICATION_GROUP = "authentication.k8s.io";

/**
 * Who the requester acts as. Each thing that is impersonated needs the verb `impersonate` of its own, asked in the order
 * user, groups, extras, uid; the first that is missing ends it.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation/impersonation.go.
 *
 * @returns the requester itself when nothing is asked for.
 * @throws {StatusError} BadRequest when groups, uid or extras are asked for without a user; Forbidden.
 */
export async function impersonate(requester: UserInfo, wanted: Impersonation, decide: Decide): Promise<UserInfo> {
  const { user: username = "", uid = "", groups, extra } = wanted;
  if (username === "") {
    if (groups.length === 0 && Object.keys(extra).length === 0 && uid === "") return requester;
    throw new StatusError("BadRequest", "groups, a uid or extras can be impersonated only together with a user");
  }
  for (const attributes of requiredRights(username, wanted)) {
    if (!(await decide(requester, attributes)).allowed) throw forbidden(requester, attributes);
  }
  const impersonatedBy = requester.username;
  return { username, uid, groups: groupsOf(username, groups), extra: { ...extra }, impersonatedBy };
}

function* requiredRights(username: string, { groups, extra, uid }: Impersonation): Generator<ResourceAttributes> {
  const account = serviceAccountOf(username);
  yield account === undefined
    ? right("users", username)
    : { ...right("serviceaccounts", account.name), namespace: account.namespace };
  for (const group of groups) yield right("groups", group);
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) yield { ...authenticationRight("userextras", value), subresource: key };
  }
  if (uid) yield authenticationRight("uids", uid);
}

function right(resource: string, name: string): ResourceAttributes {
  return { kind: "resource", verb: "impersonate", group: "", version: "v1", resource, name };
}

function authenticationRight(resource: string, name: string): ResourceAttributes {
  return { ...right(resource, name), group: AUTHENTICATION_GROUP };
}

/** The groups asked for, or a service account's own when none are, and whether the user counts as authenticated. */
function groupsOf(username: string, asked: readonly string[]): readonly string[] {
  const account = serviceAccountOf(username);
  const own = account === undefined ? [] : serviceAccountGroups(account.namespace);
  const groups = asked.length > 0 ? asked : own;
  if (username === ANONYMOUS.username) {
    return groups.includes(UNAUTHENTICATED_GROUP) ? groups : [...groups, UNAUTHENTICATED_GROUP];
  }
  const says = groups.some((group) => group === AUTHENTICATED_GROUP || group === UNAUTHENTICATED_GROUP);
  return says ? groups : [...groups, AUTHENTICATED_GROUP];
}

function forbidden(requester: UserInfo, attributes: ResourceAttributes): StatusError {
  const { group, resource, subresource, name = "", namespace } = attributes;
  const subject = group === "" ? resource : `${resource}.${group}`;
  const combined = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const message = `${subject} "${name}" is forbidden: User "${requester.username}" cannot impersonate resource "${combined}" in API group "${group}" ${where}`;
  return new StatusError("Forbidden", message, { details: { name, ...(group !== "" && { group }), kind: resource } });
}
