import { NODE_USER_PREFIX, NODES_GROUP } from "../../shared/node-identity.ts";
import type { CsrFacts } from "./csr-facts.ts";
import { LEGACY_UNKNOWN_SIGNER } from "./signer-name.ts";

/** The signers whose certificates we issue. */
export const OUR_SIGNERS = [
  "kubernetes.io/kube-apiserver-client",
  "kubernetes.io/kube-apiserver-client-kubelet",
  "kubernetes.io/kubelet-serving",
  LEGACY_UNKNOWN_SIGNER,
] as const;

export type OurSigner = (typeof OUR_SIGNERS)[number];

export function isOurSigner(signerName: string): signerName is OurSigner {
  return (OUR_SIGNERS as readonly string[]).includes(signerName);
}

/** What a profile looks at. */
export type ProfiledFacts = Pick<CsrFacts, "subject" | "sans">;

const KEY_PURPOSES = ["digital signature", "key encipherment"];

/**
 * The first rule of the signer's profile that the request breaks, in words; undefined when it conforms. Names of other
 * kinds than the four we know are invisible here and never issued.
 *
 * Source: kubernetes pkg/controller/certificates/signer/signer.go, pkg/apis/certificates/helpers.go.
 */
export function profileViolation(
  signer: OurSigner,
  facts: ProfiledFacts,
  usages: readonly string[],
): string | undefined {
  switch (signer) {
    case "kubernetes.io/kube-apiserver-client":
      return hasUsages(usages, "client auth", []) ? undefined : "usages must be client auth and key purposes only";
    case "kubernetes.io/kube-apiserver-client-kubelet":
      return kubeletClientViolation(facts, usages);
    case "kubernetes.io/kubelet-serving":
      return kubeletServingViolation(facts, usages);
    case LEGACY_UNKNOWN_SIGNER:
      return undefined;
    default:
      return signer satisfies never;
  }
}

function kubeletClientViolation({ subject, sans }: ProfiledFacts, usages: readonly string[]): string | undefined {
  if (!isNodesGroupOnly(subject.organization)) return ORGANIZATION_RULE;
  if (sans.dnsNames.length > 0) return "DNS names are not allowed";
  if (sans.emailAddresses.length > 0) return EMAIL_RULE;
  if (sans.ipAddresses.length > 0) return "IP addresses are not allowed";
  if (sans.uris.length > 0) return URI_RULE;
  if (!subject.commonName.startsWith(NODE_USER_PREFIX)) return COMMON_NAME_RULE;
  if (!hasUsages(usages, "client auth", ["digital signature"])) return usagesRule("client auth");
  return undefined;
}

function kubeletServingViolation({ subject, sans }: ProfiledFacts, usages: readonly string[]): string | undefined {
  if (!isNodesGroupOnly(subject.organization)) return ORGANIZATION_RULE;
  if (sans.dnsNames.length === 0 && sans.ipAddresses.length === 0) return "a DNS name or an IP address is required";
  if (sans.emailAddresses.length > 0) return EMAIL_RULE;
  if (sans.uris.length > 0) return URI_RULE;
  if (!hasUsages(usages, "server auth", ["digital signature"])) return usagesRule("server auth");
  if (!subject.commonName.startsWith(NODE_USER_PREFIX)) return COMMON_NAME_RULE;
  return undefined;
}

const ORGANIZATION_RULE = `organization must be exactly ${NODES_GROUP}`;
const COMMON_NAME_RULE = `common name must start with ${NODE_USER_PREFIX}`;
const EMAIL_RULE = "e-mail addresses are not allowed";
const URI_RULE = "URIs are not allowed";

function usagesRule(purpose: string): string {
  return `usages must be digital signature, ${purpose} and optionally key encipherment`;
}

function isNodesGroupOnly(organization: readonly string[]): boolean {
  return organization.length === 1 && organization[0] === NODES_GROUP;
}

/** As a set: `purpose` and everything in `required` are there, and nothing but them and key purposes. */
function hasUsages(usages: readonly string[], purpose: string, required: readonly string[]): boolean {
  return (
    usages.includes(purpose) &&
    required.every((usage) => usages.includes(usage)) &&
    usages.every((usage) => usage === purpose || KEY_PURPOSES.includes(usage))
  );
}
