import type { UserInfo } from "../../shared/user-info.ts";
import { ATTESTED_GROUP } from "../domain/attestation.ts";
import type { Authorizer } from "../domain/authorization.ts";
import { CSR_GROUP, CSR_RESOURCE } from "../domain/certificate-signing-request.ts";

const EVERYBODY = "system:authenticated";

/** Whoever has one of these groups has a credential that anybody could have got. */
const GROUPS = [ATTESTED_GROUP, "system:bootstrappers", EVERYBODY] as const;

/**
 * The groups whose members Kubernetes' own approver takes for any node they name: who attested, or who never did, would get any
 * name past us.
 *
 * @throws {Error} when the authorizer cannot be asked.
 *
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go (recognizer nodeclient).
 */
export async function autoApprovedGroups(authorizer: Authorizer): Promise<readonly string[]> {
  const found: string[] = [];
  for (const group of GROUPS) {
    const groups = [...new Set([group, EVERYBODY])];
    const user: UserInfo = { username: "nodeattest:nobody", uid: "", groups, extra: {} };
    const { allowed } = await authorizer.authorize(user, {
      ...{ kind: "resource", verb: "create", group: CSR_GROUP, version: "*" },
      ...{ resource: CSR_RESOURCE, subresource: "nodeclient" },
    });
    if (allowed) found.push(group);
  }
  // Everybody is in every group.
  return found.includes(EVERYBODY) ? [EVERYBODY] : found;
}
