import { StatusError } from "../../shared/status-error.ts";

/**
 * Kubernetes' feature switches that change answers, under their names there; the values are the defaults of 1.36.
 *
 * Source: kubernetes pkg/features/kube_features.go and staging/src/k8s.io/apiserver/pkg/features/kube_features.go.
 */
export const DEFAULT_FEATURE_GATES = {
  AuthorizeNodeWithSelectors: true,
  /** Only named because AuthorizeNodeWithSelectors needs it. */
  AuthorizeWithSelectors: true,
  KubeletServiceAccountTokenForCredentialProviders: true,
  PodCertificateRequest: false,
  ClusterTrustBundle: false,
  ServiceAccountNodeAudienceRestriction: true,
  RecoverVolumeExpansionFailure: true,
  AllowInsecureKubeletCertificateSigningRequests: false,
  DynamicResourceAllocation: true,
};

export type FeatureGate = keyof typeof DEFAULT_FEATURE_GATES;
export type FeatureGates = Readonly<Record<FeatureGate, boolean>>;

/**
 * Reads `A=true,B=false`, as `--feature-gates` of Kubernetes' programs; what is not named keeps its default.
 *
 * @throws {StatusError} BadRequest that names the unknown switch, the bad value or the switch that another one needs.
 */
export function parseFeatureGates(text: string): FeatureGates {
  const gates: Record<FeatureGate, boolean> = { ...DEFAULT_FEATURE_GATES };
  for (const piece of text.split(",").map((part) => part.trim())) {
    if (piece === "") continue;
    const [name = "", value, ...rest] = piece.split("=").map((part) => part.trim());
    if (!isFeatureGate(name)) throw refused(`unknown feature gate ${JSON.stringify(name)}; known: ${known()}`);
    const isOn = value === undefined || rest.length > 0 ? undefined : readBoolean(value);
    if (isOn === undefined) throw refused(`feature gate ${name}: write ${name}=true or ${name}=false`);
    gates[name] = isOn;
  }
  if (gates.AuthorizeNodeWithSelectors && !gates.AuthorizeWithSelectors) {
    throw refused("AuthorizeNodeWithSelectors needs AuthorizeWithSelectors: switch both off, or neither");
  }
  return gates;
}

function isFeatureGate(name: string): name is FeatureGate {
  return Object.hasOwn(DEFAULT_FEATURE_GATES, name);
}

/** The spellings that Go's flag parser takes. */
function readBoolean(value: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(value) ? false : undefined;
}

function known(): string {
  return Object.keys(DEFAULT_FEATURE_GATES).sort().join(", ");
}

function refused(message: string): StatusError {
  return new StatusError("BadRequest", message);
}
