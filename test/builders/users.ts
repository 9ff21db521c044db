import type { AccessAttributes } from "../../services/certificate-authority/domain/authorization.ts";
import type { UserInfo } from "../../services/shared/user-info.ts";

/** A user in `system:authenticated` and the groups named. */
export function user(username: string, ...groups: readonly string[]): UserInfo {
  return { username, uid: "", groups: [...groups, "system:authenticated"], extra: {} };
}

export const node = (name: string): UserInfo => user(`system:node:${name}`, "system:nodes");

export const bootstrapper = (id = "abcdef"): UserInfo => user(`system:bootstrap:${id}`, "system:bootstrappers");

type ResourceAttributes = Extract<AccessAttributes, { kind: "resource" }>;

/** `get` of all CertificateSigningRequests unless overridden. */
export function onResource(overrides: Partial<ResourceAttributes> = {}): ResourceAttributes {
  return {
    kind: "resource",
    verb: "get",
    group: "certificates.k8s.io",
    version: "v1",
    resource: "certificatesigningrequests",
    ...overrides,
  };
}

export function onPath(verb: string, path: string): AccessAttributes {
  return { kind: "path", verb, path };
}
