import type { AccessAttributes, Authorizer } from "../domain/authorization.ts";
import type { ClusterConnection } from "./cluster-connection.ts";

const PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/**
 * Has a cluster say what its users may do: one SubjectAccessReview a question, nothing remembered.
 *
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go (authorize).
 */
export function clusterAuthorizer(cluster: ClusterConnection): Authorizer {
  return {
    async authorize({ username, uid, groups, extra }, attributes) {
      const spec = { user: username, uid, groups, extra, ...questionOf(attributes) };
      const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
      const { status = {} } = (await cluster.send("POST", PATH, review)) as Answer;
      const { allowed, denied, reason = "" } = status;
      if (denied === true) return { allowed: false, denied: true, reason };
      return { allowed: allowed === true, reason };
    },
  };
}

function questionOf(attributes: AccessAttributes): object {
  const { kind, ...named } = attributes;
  return kind === "path" ? { nonResourceAttributes: named } : { resourceAttributes: named };
}

interface Answer {
  readonly status?: { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string };
}
