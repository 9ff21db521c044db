import { isUserOfNode } from "../../../shared/node-identity.ts";
import type { FeatureGates } from "../feature-gates.ts";
import {
  ATTACHMENT,
  CERTIFICATE_REQUEST,
  CLAIM,
  CONFIG_MAP,
  POD,
  RESOURCE_CLAIM,
  SECRET,
  SERVICE_ACCOUNT,
  SLICE,
  VOLUME,
} from "../graph/object-kind.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";
import type { AccessQuestion, AccessVerdict } from "../questions.ts";
import { ALLOW, NO_OPINION } from "../verdicts.ts";
import * as why from "./reasons.ts";

/** Answers for one resource; the static rules have no say in it. `username` is the node's, with its prefix. */
export interface ResourceRule {
  readonly group: string;
  readonly decide: (question: AccessQuestion, username: string) => AccessVerdict;
}

const NODE_LEASES = "kube-node-lease";

/**
 * The resources that are decided by what runs on the node, or by the node's name, by plural.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/node_authorizer.go.
 */
export function createResourceRules(graph: ReferenceGraph, gates: FeatureGates): ReadonlyMap<string, ResourceRule> {
  const related: Related = (kind, { namespace, name }, username) => {
    if (name === "") return why.NO_NAME;
    const node = graph.nodes.findByUser(username);
    return graph.hasPath(kind, namespace, name, node) ? ALLOW : why.NO_RELATIONSHIP;
  };
  const rules = new Map<string, ResourceRule>([
    ["secrets", { group: "", decide: readable(related, SECRET) }],
    ["configmaps", { group: "", decide: readable(related, CONFIG_MAP) }],
    ["persistentvolumeclaims", { group: "", decide: claims(related) }],
    ["persistentvolumes", { group: "", decide: gettable(related, VOLUME) }],
    ["resourceclaims", { group: "resource.k8s.io", decide: gettable(related, RESOURCE_CLAIM) }],
    ["volumeattachments", { group: "storage.k8s.io", decide: gettable(related, ATTACHMENT) }],
    ["serviceaccounts", { group: "", decide: serviceAccounts(related, gates) }],
    ["leases", { group: "coordination.k8s.io", decide: decideLease }],
    ["csinodes", { group: "storage.k8s.io", decide: decideCsiNode }],
    ["resourceslices", { group: "resource.k8s.io", decide: resourceSlices(related, gates) }],
    ["podcertificaterequests", { group: "certificates.k8s.io", decide: certificateRequests(related, gates) }],
  ]);
  if (gates.AuthorizeNodeWithSelectors) {
    rules.set("nodes", { group: "", decide: decideNode });
    rules.set("pods", { group: "", decide: pods(related) });
  }
  return rules;
}

type Decide = ResourceRule["decide"];
type Related = (kind: number, question: AccessQuestion, username: string) => AccessVerdict;

function readable(related: Related, kind: number): Decide {
  return (question, username) => {
    if (!isRead(question.verb)) return why.READ_ONLY;
    if (question.subresource !== "") return why.NO_SUBRESOURCE;
    if (question.namespace === "") return why.NO_NAMESPACE;
    return related(kind, question, username);
  };
}

function gettable(related: Related, kind: number): Decide {
  return (question, username) => {
    if (question.verb !== "get") return why.GET_ONLY;
    if (question.subresource !== "") return why.NO_SUBRESOURCE;
    return related(kind, question, username);
  };
}

function claims(related: Related): Decide {
  const get = gettable(related, CLAIM);
  return (question, username) => {
    if (question.subresource !== "status") return get(question, username);
    if (question.verb !== "update" && question.verb !== "patch") return why.STATUS_WRITES_ONLY;
    return related(CLAIM, question, username);
  };
}

function serviceAccounts(related: Related, gates: FeatureGates): Decide {
  const isReadable = gates.KubeletServiceAccountTokenForCredentialProviders || gates.PodCertificateRequest;
  const read = readable(related, SERVICE_ACCOUNT);
  return (question, username) => {
    const { verb, subresource, name } = question;
    if (verb === "get" && subresource === "") return isReadable ? read(question, username) : why.NO_SERVICE_ACCOUNTS;
    if (verb !== "create" || name === "") return why.TOKENS_ONLY;
    return subresource === "token" ? related(SERVICE_ACCOUNT, question, username) : why.NO_SUBRESOURCE;
  };
}

/** The subresource is not looked at. A create has no name yet: admission pins it. */
function decideLease({ verb, namespace, name }: AccessQuestion, username: string): AccessVerdict {
  if (!isOwnerVerb(verb)) return why.LEASE_VERBS;
  if (namespace !== NODE_LEASES) return why.LEASE_NAMESPACE;
  return verb === "create" || isUserOfNode(username, name) ? ALLOW : why.LEASE_NAME;
}

function decideCsiNode({ verb, subresource, name }: AccessQuestion, username: string): AccessVerdict {
  if (!isOwnerVerb(verb)) return why.CSI_NODE_VERBS;
  if (subresource !== "") return why.NO_SUBRESOURCE;
  return verb === "create" || isUserOfNode(username, name) ? ALLOW : why.CSI_NODE_NAME;
}

function resourceSlices(related: Related, gates: FeatureGates): Decide {
  return (question, username) => {
    if (question.subresource !== "") return why.NO_SUBRESOURCE;
    switch (question.verb) {
      case "create":
        return ALLOW;
      case "get":
      case "update":
      case "patch":
      case "delete":
        return related(SLICE, question, username);
      case "list":
      case "watch":
      case "deletecollection":
        if (!gates.AuthorizeNodeWithSelectors) return ALLOW;
        return selectsOwnNode(question, username) ? ALLOW : why.SLICE_SELECTOR;
      default:
        return why.SLICE_VERBS;
    }
  };
}

function decideNode({ verb, subresource, name }: AccessQuestion, username: string): AccessVerdict {
  if (subresource === "status") return isUpdate(verb) ? ALLOW : NO_OPINION;
  if (subresource !== "") return NO_OPINION;
  // Without the graph, so that a kubelet can look for its Node before there is one.
  if (isRead(verb)) return isUserOfNode(username, name) ? ALLOW : why.OWN_NODE_ONLY;
  return verb === "create" || isUpdate(verb) ? ALLOW : NO_OPINION;
}

function pods(related: Related): Decide {
  return (question, username) => {
    const { verb, subresource, name } = question;
    if (subresource === "status") return isUpdate(verb) ? ALLOW : NO_OPINION;
    if (subresource === "eviction") return verb === "create" ? ALLOW : NO_OPINION;
    if (subresource !== "") return NO_OPINION;
    switch (verb) {
      case "get":
        return related(POD, question, username);
      case "list":
      case "watch":
        if (selectsOwnNode(question, username)) return ALLOW;
        return name === "" ? why.POD_SELECTOR : related(POD, question, username);
      case "create":
      case "delete":
        return ALLOW;
      default:
        return NO_OPINION;
    }
  };
}

function certificateRequests(related: Related, gates: FeatureGates): Decide {
  if (!gates.PodCertificateRequest || !gates.AuthorizeNodeWithSelectors) return () => NO_OPINION;
  return (question, username) => {
    if (question.subresource !== "") return why.NO_SUBRESOURCE;
    switch (question.verb) {
      case "create":
        return ALLOW;
      case "get":
        return related(CERTIFICATE_REQUEST, question, username);
      case "list":
      case "watch":
        return selectsOwnNode(question, username) ? ALLOW : why.CERTIFICATE_REQUEST_SELECTOR;
      default:
        return why.CERTIFICATE_REQUEST_VERBS;
    }
  };
}

function isRead(verb: string): boolean {
  return verb === "get" || verb === "list" || verb === "watch";
}

function isUpdate(verb: string): boolean {
  return verb === "update" || verb === "patch";
}

/** What a node does with the one object of its own name. */
function isOwnerVerb(verb: string): boolean {
  return verb === "get" || verb === "create" || isUpdate(verb) || verb === "delete";
}

/**
 * Whether the request is narrowed to what is on the node: a requirement of equality with one value. Requirements are
 * ANDed, so others beside it do no harm.
 */
function selectsOwnNode({ fieldSelector }: AccessQuestion, username: string): boolean {
  for (const { key, operator, values } of fieldSelector) {
    const isEquality = operator === "In" || operator === "=" || operator === "==";
    if (key !== "spec.nodeName" || !isEquality || values.length !== 1) continue;
    if (isUserOfNode(username, values[0] ?? "")) return true;
  }
  return false;
}
