import { noOpinion } from "../verdicts.ts";

/** Why there is no opinion, for the caller. They are joined into kube-apiserver's 403, so they are short and name nobody else. */
export const UNKNOWN_NODE = noOpinion("the user names no node");
export const READ_ONLY = noOpinion("nodes can only get, list and watch this kind");
export const GET_ONLY = noOpinion("nodes can only get single objects of this kind");
export const STATUS_WRITES_ONLY = noOpinion("nodes can only update and patch this status");
export const NO_SUBRESOURCE = noOpinion("nodes cannot use this subresource");
export const NO_NAMESPACE = noOpinion("nodes can only read this kind within a namespace");
export const NO_NAME = noOpinion("the request names no object");
export const NO_RELATIONSHIP = noOpinion("nothing on this node refers to this object");
export const NO_SERVICE_ACCOUNTS = noOpinion("nodes cannot get service accounts");
export const TOKENS_ONLY = noOpinion("nodes can only create tokens of single service accounts");
export const LEASE_VERBS = noOpinion("nodes can only get, create, update, patch and delete their lease");
export const LEASE_NAMESPACE = noOpinion("nodes can only use leases in the namespace kube-node-lease");
export const LEASE_NAME = noOpinion("nodes can only use the lease of their own name");
export const CSI_NODE_VERBS = noOpinion("nodes can only get, create, update, patch and delete their CSINode");
export const CSI_NODE_NAME = noOpinion("nodes can only use the CSINode of their own name");
export const SLICE_VERBS = noOpinion("nodes cannot use this verb on resource slices");
export const SLICE_SELECTOR = noOpinion("nodes need the field selector spec.nodeName for resource slices");
export const POD_SELECTOR = noOpinion("nodes need the field selector spec.nodeName for pods");
export const OWN_NODE_ONLY = noOpinion("nodes can only read their own Node object");
export const CERTIFICATE_REQUEST_VERBS = noOpinion("nodes cannot use this verb on pod certificate requests");
export const CERTIFICATE_REQUEST_SELECTOR = noOpinion(
  "nodes need the field selector spec.nodeName for pod certificate requests",
);
