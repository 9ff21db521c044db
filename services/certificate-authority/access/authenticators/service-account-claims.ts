import { z } from "zod";
import { CREDENTIAL_ID_EXTRA, type UserInfo } from "../../../shared/user-info.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import { serviceAccountGroups, serviceAccountOf, serviceAccountUsername } from "../service-account.ts";
import { ClaimsError } from "./claims.ts";

const reference = z.object({ name: z.string(), uid: z.string().default("") });

const claimsSchema = z.object({
  sub: z.string(),
  jti: z.string().default(""),
  "kubernetes.io": z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string(), uid: z.string().min(1) }),
    pod: reference.optional(),
    node: reference.optional(),
  }),
});

const EXTRA_PREFIX = "authentication.kubernetes.io/";

/**
 * The service account that a bound token names, as a kube-apiserver tells it. Whether account, pod and node still exist
 * only the cluster knows; here the token is good until it expires.
 *
 * Source: kubernetes pkg/serviceaccount/claims.go, staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go.
 *
 * @throws {ClaimsError}
 */
export function serviceAccountOfClaims(claims: unknown): UserInfo {
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success) throw new ClaimsError("the token is not laid out as a bound service account's");
  const { sub, jti, "kubernetes.io": bound } = parsed.data;
  const { namespace, serviceaccount: account, pod, node } = bound;
  const username = serviceAccountUsername({ namespace, name: account.name });
  if (sub !== username || serviceAccountOf(username) === undefined) {
    throw new ClaimsError("the token's subject is not its service account");
  }
  const extra: Record<string, readonly string[]> = {};
  if (jti !== "") extra[CREDENTIAL_ID_EXTRA] = [`JTI=${jti}`];
  if (pod && pod.name !== "" && pod.uid !== "") {
    extra[`${EXTRA_PREFIX}pod-name`] = [pod.name];
    extra[`${EXTRA_PREFIX}pod-uid`] = [pod.uid];
  }
  if (node && node.name !== "") {
    extra[`${EXTRA_PREFIX}node-name`] = [node.name];
    if (node.uid !== "") extra[`${EXTRA_PREFIX}node-uid`] = [node.uid];
  }
  return withAuthenticatedGroup({ username, uid: account.uid, groups: serviceAccountGroups(namespace), extra });
}
