import type { JsonObject, TypedObject } from "../../services/shared/kubernetes/json-object.ts";

/** A CertificateSigningRequest as a client sends it in JSON; `spec`, `status` and `metadata` are merged over it. */
export function csrObject(
  overrides: { metadata?: JsonObject; spec?: JsonObject; status?: JsonObject } = {},
): TypedObject {
  const { metadata, spec, status } = overrides;
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr-1", ...metadata },
    spec: {
      request: "cmVxdWVzdA==",
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
      ...spec,
    },
    ...(status && { status }),
  };
}
