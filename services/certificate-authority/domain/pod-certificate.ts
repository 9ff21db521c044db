import type { UserInfo } from "../../shared/user-info.ts";
import type { CsrSpec } from "./certificate-signing-request.ts";
import type { ConfiguredSigners } from "./configured-signer.ts";
import { type CsrFacts, NO_ALTERNATIVE_NAMES, NO_SUBJECT } from "./csr-facts.ts";

/** Whom a PodCertificateRequest is for, as kube-apiserver (NodeRestriction) vouches for it. */
export interface PodIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  readonly node: string;
}

/** The places that `PodNames` may have. */
export const POD_PLACES = ["namespace", "pod", "podUid", "serviceAccount", "node"] as const;

/** What a signer is told by whoever wrote the pod, and nobody has checked. */
export const USER_ANNOTATIONS_EXTRA = "certificates.k8s.io/unverified-user-annotations";

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const EXTRA = {
  pod: "authentication.kubernetes.io/pod-name",
  podUid: "authentication.kubernetes.io/pod-uid",
  node: "authentication.kubernetes.io/node-name",
  nodeUid: "authentication.kubernetes.io/node-uid",
} as const;

/**
 * Between namespace and name of a pod's request in the name of its record. No CertificateSigningRequest's name has one:
 * what a record is of can be told by nobody but us.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/api/validation/path/name.go.
 */
const SEPARATOR = "%";

/** Where a namespaced object is. */
export interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** The name of the record of a pod's request. */
export function podRecordName({ namespace, name }: Place): string {
  return namespace + SEPARATOR + name;
}

/** Whether a record, by its name, is that of a PodCertificateRequest. */
export function isPodRecord(recordName: string): boolean {
  return recordName.includes(SEPARATOR);
}

/** Where the PodCertificateRequest is that a record is of. */
export function placeOf(recordName: string): Place {
  const end = recordName.indexOf(SEPARATOR);
  return { namespace: recordName.slice(0, end), name: recordName.slice(end + 1) };
}

/**
 * The pod as a requester, as kube-apiserver calls it when it shows the token of its service account.
 *
 * Source: kubernetes pkg/serviceaccount/util.go (ServiceAccountInfo).
 */
export function requesterOfPod(
  { namespace, pod, podUid, serviceAccount, node }: PodIdentity,
  uids: { readonly serviceAccount: string; readonly node: string },
): UserInfo {
  return {
    username: `system:serviceaccount:${namespace}:${serviceAccount}`,
    uid: uids.serviceAccount,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
    extra: { [EXTRA.pod]: [pod], [EXTRA.podUid]: [podUid], [EXTRA.node]: [node], [EXTRA.nodeUid]: [uids.node] },
  };
}

/** Whom the record of a PodCertificateRequest is for. @throws when its spec names no pod. */
function podIn({ username = "", extra = {} }: CsrSpec): PodIdentity {
  const [, namespace, serviceAccount] = SERVICE_ACCOUNT.exec(username) ?? [];
  const [pod, podUid, node] = [extra[EXTRA.pod]?.[0], extra[EXTRA.podUid]?.[0], extra[EXTRA.node]?.[0]];
  if (!namespace || !serviceAccount || !pod || !podUid || !node) throw new Error("the record names no pod");
  return { namespace, serviceAccount, pod, podUid, node };
}

/**
 * What is certified for a record: what its request says; for a PodCertificateRequest, whose request is empty but for the
 * key, what its signer says of the pod.
 */
export function recordedFacts(
  recordName: string,
  spec: CsrSpec,
  facts: CsrFacts,
  configured: ConfiguredSigners,
): CsrFacts {
  if (!isPodRecord(recordName)) return facts;
  const names = configured.get(spec.signerName)?.pods;
  if (names === undefined) return { ...facts, subject: NO_SUBJECT, sans: NO_ALTERNATIVE_NAMES };
  const pod = podIn(spec);
  const filled = (text: string): string =>
    POD_PLACES.reduce((sofar, place) => sofar.replaceAll(`{${place}}`, () => pod[place]), text);
  return {
    ...facts,
    subject: { ...NO_SUBJECT, commonName: filled(names.commonName) },
    sans: { ...NO_ALTERNATIVE_NAMES, dnsNames: names.dnsNames.map(filled), uris: names.uris.map(filled) },
  };
}
