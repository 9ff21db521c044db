import { stringify } from "yaml";
import { buildCsr, type CsrArguments } from "../../builders/csr.ts";

export interface ManifestArguments {
  readonly name: string;
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly csr?: CsrArguments;
  /** Further fields of `spec`. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A CertificateSigningRequest in YAML, as people feed it to kubectl. Default: a client certificate for `jane`. */
export function requestManifest({
  name,
  signerName = "kubernetes.io/kube-apiserver-client",
  usages = ["client auth"],
  labels,
  csr = { commonName: "jane", organizations: ["developers"] },
  spec = {},
}: ManifestArguments): string {
  return stringify({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name, ...(labels && { labels }) },
    spec: { request: buildCsr(csr).requestBase64, signerName, usages, ...spec },
  });
}
