import {
  type CertificateSigningRequest,
  CSR_API_VERSION,
  CSR_KIND,
  type CsrCondition,
  type CsrSpec,
  type CsrStatus,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import type {
  CsrDraft,
  DraftCondition,
  DraftMeta,
  DraftSpec,
  DraftStatus,
} from "../../services/certificate-authority/domain/draft.ts";
import type { ObjectMeta } from "../../services/shared/kubernetes/object-meta.ts";

export const CLIENT_KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
export const SERVING_KUBELET = "kubernetes.io/kubelet-serving";
export const CLIENT = "kubernetes.io/kube-apiserver-client";

/** Base64 of what stands for a PEM in tests whose decoder is a fake: the facts it is to find. */
export const REQUEST = "cmVxdWVzdA==";

const KUBELET_USAGES = ["digital signature", "client auth"];

export interface DraftArguments {
  readonly metadata?: Partial<DraftMeta>;
  readonly spec?: Partial<DraftSpec>;
  readonly status?: Partial<DraftStatus>;
}

/** What a kubelet sends for its first client certificate, as `csr-1`. */
export function draft({ metadata, spec, status }: DraftArguments = {}): CsrDraft {
  return {
    metadata: {
      name: "csr-1",
      generateName: "",
      namespace: "",
      uid: "",
      resourceVersion: "",
      labels: {},
      annotations: {},
      ownerReferences: [],
      finalizers: [],
      ...metadata,
    },
    spec: { request: REQUEST, signerName: CLIENT_KUBELET, usages: KUBELET_USAGES, ...spec },
    status: { conditions: [], certificate: "", ...status },
  };
}

export interface RequestArguments {
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec?: Partial<CsrSpec>;
  readonly status?: CsrStatus;
}

/** The same as it is stored for bootstrap token `abcdef`. */
export function request({ metadata, spec, status = {} }: RequestArguments = {}): CertificateSigningRequest {
  return {
    apiVersion: CSR_API_VERSION,
    kind: CSR_KIND,
    metadata: {
      name: "csr-1",
      uid: "00000000-0000-4000-8000-000000000001",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...metadata,
    },
    spec: {
      request: REQUEST,
      signerName: CLIENT_KUBELET,
      usages: KUBELET_USAGES,
      username: "system:bootstrap:abcdef",
      groups: ["system:bootstrappers", "system:authenticated"],
      ...spec,
    },
    status,
  };
}

/** A condition that is True since the object was made, unless told otherwise. */
export function condition(type: string, overrides: Partial<CsrCondition> = {}): CsrCondition {
  return {
    type,
    status: "True",
    reason: `${type}Reason`,
    message: `${type} message`,
    lastUpdateTime: "2026-01-01T00:00:00Z",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    ...overrides,
  };
}

/** The draft a client sends back after it read `csr`: everything as it was. */
export function draftOf({ metadata, spec, status }: CertificateSigningRequest): CsrDraft {
  const { name, generateName = "", uid, resourceVersion } = metadata;
  const { labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = metadata;
  const { request: pem, signerName, expirationSeconds, usages } = spec;
  const meta = { name, generateName, uid, resourceVersion, labels, annotations, ownerReferences, finalizers };
  return draft({
    metadata: meta,
    spec: { request: pem, signerName, usages, ...(expirationSeconds !== undefined && { expirationSeconds }) },
    status: { conditions: (status.conditions ?? []).map(draftCondition), certificate: status.certificate ?? "" },
  });
}

export function draftCondition({ reason = "", message = "", ...rest }: CsrCondition): DraftCondition {
  return { ...rest, reason, message };
}
