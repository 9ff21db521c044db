import { expect, test } from "@jest/globals";
import { watchedKindOf } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { DEFAULT_FEATURE_GATES, parseFeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";

test("nothing named keeps the defaults of Kubernetes 1.36", () => {
  expect(parseFeatureGates("")).toEqual(DEFAULT_FEATURE_GATES);
  const on = Object.entries(DEFAULT_FEATURE_GATES).filter(([, isOn]) => isOn);
  expect(on.map(([name]) => name).sort()).toEqual([
    "AuthorizeNodeWithSelectors",
    "AuthorizeWithSelectors",
    "DynamicResourceAllocation",
    "KubeletServiceAccountTokenForCredentialProviders",
    "RecoverVolumeExpansionFailure",
    "ServiceAccountNodeAudienceRestriction",
  ]);
});

test("what is named is set, in any order, with the spellings of Go", () => {
  const gates = parseFeatureGates(" PodCertificateRequest=True, RecoverVolumeExpansionFailure=f,ClusterTrustBundle=1,");
  expect(gates).toEqual({
    ...DEFAULT_FEATURE_GATES,
    PodCertificateRequest: true,
    RecoverVolumeExpansionFailure: false,
    ClusterTrustBundle: true,
  });
});

test.each([
  { text: "Nonsense=true", message: 'unknown feature gate "Nonsense"; known: Allow' },
  { text: "toString=true", message: 'unknown feature gate "toString"' },
  { text: "ClusterTrustBundle", message: "write ClusterTrustBundle=true" },
  { text: "ClusterTrustBundle=yes", message: "write ClusterTrustBundle=true" },
  { text: "ClusterTrustBundle=true=false", message: "write ClusterTrustBundle=true" },
  { text: "AuthorizeWithSelectors=false", message: "AuthorizeNodeWithSelectors needs AuthorizeWithSelectors" },
])("$text is refused", ({ text, message }) => {
  expect(() => parseFeatureGates(text)).toThrow(expect.objectContaining({ reason: "BadRequest" }));
  expect(() => parseFeatureGates(text)).toThrow(message);
});

test.each([
  { apiVersion: "v1", kind: "Pod", watched: "Pod" },
  { apiVersion: "example.com/v1", kind: "Pod", watched: undefined },
  { apiVersion: "v1", kind: "Secret", watched: undefined },
  { apiVersion: "v1", kind: "toString", watched: undefined },
  { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttachment", watched: "VolumeAttachment" },
  { apiVersion: "v1", kind: "VolumeAttachment", watched: undefined },
  { apiVersion: "resource.k8s.io/v1beta2", kind: "ResourceSlice", watched: "ResourceSlice" },
  { apiVersion: "certificates.k8s.io/v1alpha1", kind: "PodCertificateRequest", watched: "PodCertificateRequest" },
  { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", watched: undefined },
])("$apiVersion $kind is watched as $watched", ({ apiVersion, kind, watched }) => {
  expect(watchedKindOf(apiVersion, kind)).toBe(watched);
});
