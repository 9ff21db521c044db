import { goOn } from "../../../shared/go-on.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { AccessAttributes, Authorizer } from "../../domain/authorization.ts";
import { CSR_GROUP, CSR_RESOURCE, type CsrSpec } from "../../domain/certificate-signing-request.ts";
import type { Verdict } from "../../domain/decision.ts";
import { type KubeletClientRule, recogniseKubeletClient } from "../../domain/kubelet-client.ts";
import type { ApprovalHook, Certificates, ReviewInput } from "../../domain/ports.ts";
import { renewalOf } from "../../domain/renewal.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";

const MESSAGES: Readonly<Record<KubeletClientRule, string>> = {
  selfnodeclient: "a node asks for its own client certificate, and access review selfnodeclient allows it",
  nodeclient: "the requester asks for a node's client certificate, and access review nodeclient allows it",
};

const UNRECOGNISED: Verdict = {
  kind: "noOpinion",
  reason: "NotRecognised",
  message: "this is no request for a kubelet's client certificate",
  evidence: {},
};

/**
 * Kubernetes' own approver: a request that a rule recognises is approved when RBAC lets the requester create that
 * rule's subresource. A refused rule falls through to the next; nothing is ever denied here, and serving certificates
 * are never approved. What a node renews is compared with its newest certificate.
 *
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go.
 */
export function kubeletClientHook(
  authorizer: Authorizer,
  certificates: Pick<Certificates, "summaryOfLatest"> = NOTHING_ON_RECORD,
): ApprovalHook {
  return { name: "kubelet-client", review: (input) => review(authorizer, certificates, input) };
}

const NOTHING_ON_RECORD = { summaryOfLatest: () => undefined };

function review(
  authorizer: Authorizer,
  certificates: Pick<Certificates, "summaryOfLatest">,
  { csr, facts }: ReviewInput,
): Verdict | Promise<Verdict> {
  const rules = recogniseKubeletClient(csr.spec, facts);
  if (rules.length === 0) return UNRECOGNISED;
  const requester = requesterOf(csr.spec);
  const evidence = { username: requester.username, commonName: facts.subject.commonName, recognisedBy: rules };
  const askFrom = (index: number): Verdict | Promise<Verdict> => {
    const rule = rules[index];
    if (rule === undefined) return notAllowed(rules, evidence);
    return goOn(authorizer.authorize(requester, accessTo(rule)), ({ allowed, reason: because }) =>
      allowed ? approved(rule, { ...evidence, allowedBy: rule, because, ...comparison(rule) }) : askFrom(index + 1),
    );
  };
  // Joins are many, and there is nothing to compare them with.
  const comparison = (rule: KubeletClientRule) => {
    const nodeName = rule === "selfnodeclient" ? requestedNodeName(facts) : undefined;
    const former = nodeName === undefined ? undefined : certificates.summaryOfLatest(nodeName, csr.spec.signerName);
    return former && { renews: renewalOf(former, facts) };
  };
  return askFrom(0);
}

function approved(rule: KubeletClientRule, evidence: Verdict["evidence"]): Verdict {
  return { kind: "approved", reason: "AutoApproved", message: MESSAGES[rule], evidence };
}

function notAllowed(rules: readonly KubeletClientRule[], evidence: Verdict["evidence"]): Verdict {
  const message = `the requester may not create ${rules.join(" or ")}`;
  const resources = rules.map((rule) => `${CSR_RESOURCE}/${rule}`).join(" or ");
  const hint = `let the requester create ${resources} in API group ${CSR_GROUP}, as config/rbac has it for bootstrap tokens`;
  return { kind: "noOpinion", reason: "NotAllowed", message, evidence: { ...evidence, hint } };
}

function requesterOf({ username = "", uid = "", groups = [], extra = {} }: CsrSpec): UserInfo {
  return { username, uid, groups, extra };
}

function accessTo(subresource: KubeletClientRule): AccessAttributes {
  return { kind: "resource", verb: "create", group: CSR_GROUP, version: "*", resource: CSR_RESOURCE, subresource };
}
