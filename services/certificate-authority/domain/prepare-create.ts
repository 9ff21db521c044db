import { type ObjectMeta, toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "./certificate-signing-request.ts";
import type { CsrDraft, DraftMeta } from "./draft.ts";

/** What the server alone decides about a new object's metadata. */
export interface NewIdentity {
  readonly name: string;
  readonly uid: string;
  readonly now: Date;
}

/** What the server alone decides about a new request. */
export interface Creation extends NewIdentity {
  readonly requester: UserInfo;
}

/**
 * The object to store for a draft: identity from the requester and from nowhere else, status empty, whatever the client
 * sent there.
 *
 * Source: kubernetes pkg/registry/certificates/certificates/strategy.go (PrepareForCreate).
 */
export function prepareCreate(draft: CsrDraft, creation: Creation): CertificateSigningRequest {
  const { requester } = creation;
  const { request, signerName, expirationSeconds, usages } = draft.spec;
  return {
    apiVersion: CSR_API_VERSION,
    kind: CSR_KIND,
    metadata: newMeta(draft.metadata, creation),
    spec: {
      request,
      signerName,
      ...(expirationSeconds !== undefined && { expirationSeconds }),
      usages,
      ...(requester.username && { username: requester.username }),
      ...(requester.uid && { uid: requester.uid }),
      ...(requester.groups.length > 0 && { groups: requester.groups }),
      ...(!isEmpty(requester.extra) && { extra: requester.extra }),
    },
    status: {},
  };
}

/** The metadata of a new object; it has no resourceVersion before it is stored. */
export function newMeta(draft: DraftMeta, { name, uid, now }: NewIdentity): ObjectMeta {
  return {
    name,
    ...(draft.generateName && { generateName: draft.generateName }),
    uid,
    resourceVersion: "",
    ...(draft.generation && { generation: draft.generation }),
    creationTimestamp: toKubernetesTime(now),
    ...clientMeta(draft),
  };
}

/** The members of `metadata` that are the client's; empty ones are left out. */
export function clientMeta({
  labels,
  annotations,
  ownerReferences,
  finalizers,
}: DraftMeta): Pick<ObjectMeta, "labels" | "annotations" | "ownerReferences" | "finalizers"> {
  return {
    ...(!isEmpty(labels) && { labels }),
    ...(!isEmpty(annotations) && { annotations }),
    ...(ownerReferences.length > 0 && { ownerReferences }),
    ...(finalizers.length > 0 && { finalizers }),
  };
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return false;
  return true;
}

/** `generateName` is cut to 58 octets of UTF-8, so that the five random ones behind it fit into a label. */
const MAX_NAME_BASE = 58;
const encoder = new TextEncoder();

export function completeName(generateName: string, suffix: string): string {
  const { read } = encoder.encodeInto(generateName, new Uint8Array(MAX_NAME_BASE));
  return generateName.slice(0, read) + suffix;
}
