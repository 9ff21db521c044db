import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { Finding } from "../../../shared/diagnosis/findings.ts";
import { error, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import { isControlPlaneIssuer } from "../../domain/control-plane.ts";
import { DEFAULT_ISSUER } from "../../domain/issuer.ts";
import { ancestorsOf } from "../../domain/trust.ts";
import { read, withCluster } from "../cluster-reading.ts";
import type { Check, CheckContext, ExaminedCluster } from "../contract.ts";
import { wantedSigners } from "./cluster-rights.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const SERVING = "kubernetes.io/kubelet-serving";

/** An issuer, and what is above it. */
export interface Issuer {
  readonly name: string;
  readonly isActive: boolean;
  readonly certificate: X509Certificate;
  readonly above: readonly X509Certificate[];
}

interface ConfigMap {
  readonly data?: Readonly<Record<string, string>>;
}

export const clusterTrust: Check = {
  id: "cluster.trust",
  title: "whether the cluster trusts the CAs that sign for it",
  needsCluster: true,
  run: (context) =>
    withCluster(context, async (cluster, configuration) => {
      const issuers = (await issuersOf(context, configuration)).filter(({ isActive }) => isActive);
      if (issuers.length === 0)
        return [
          skipped(
            "issuers",
            "it is not known here which CAs sign",
            "look beside the controller, with its --config and --data-dir",
          ),
        ];
      const signersOf = (name: string): readonly string[] =>
        wantedSigners(configuration).filter(
          (signer) =>
            (configuration.signers.find(({ signerName }) => signerName === signer)?.issuer ?? DEFAULT_ISSUER) === name,
        );
      const clients = issuers.filter(({ name }) =>
        signersOf(name).some((signer) => signer.startsWith("kubernetes.io/") && signer !== SERVING),
      );
      const serving = issuers.filter(({ name }) => signersOf(name).includes(SERVING));
      return [
        ...(await trustedBy(cluster, clients, {
          path: "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication",
          key: "client-ca-file",
          subject: "kube-apiserver --client-ca-file",
          distrusted: (name) =>
            error(
              `issuer ${name}`,
              "is not among the CAs whose clients kube-apiserver knows: nodes with its certificates are refused",
              "add it to the file of --client-ca-file, on every control-plane machine; gatehouse issuer export prints it",
            ),
        })),
        ...(await trustedBy(cluster, serving, {
          path: "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
          key: "ca.crt",
          subject: "ConfigMap kube-root-ca.crt",
          distrusted: (name) =>
            warning(
              `issuer ${name}`,
              "is not in the ConfigMap kube-root-ca.crt: pods that verify kubelets by it, such as metrics-server, refuse its serving certificates",
              "give them the ConfigMap of cluster.trustBundle, and kube-apiserver --kubelet-certificate-authority",
            ),
        })),
      ];
    }),
};

interface TrustPlace {
  readonly path: string;
  readonly key: string;
  readonly subject: string;
  readonly distrusted: (issuerName: string) => Finding;
}

async function trustedBy(
  cluster: ExaminedCluster,
  issuers: readonly Issuer[],
  { path, key, subject, distrusted }: TrustPlace,
): Promise<readonly Finding[]> {
  const found = await read<ConfigMap>(cluster, subject, path);
  if (found.kind === "refused") return [found.finding];
  const pem = found.kind === "absent" ? undefined : found.body.data?.[key];
  if (pem === undefined) return [skipped(subject, "is not told by the cluster")];
  const anchors = (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block));
  return issuers.map((issuer) =>
    isTrusted(issuer, anchors) ? ok(subject, `trusts the issuer ${issuer.name}`) : distrusted(issuer.name),
  );
}

/** Programs in Go take an anchor for what it is, root or not. */
function isTrusted({ certificate, above }: Issuer, anchors: readonly X509Certificate[]): boolean {
  const chain = [certificate, ...above];
  return anchors.some((anchor) =>
    chain.some(
      (one) =>
        one.fingerprint256 === anchor.fingerprint256 || (one.checkIssued(anchor) && one.verify(anchor.publicKey)),
    ),
  );
}

/** By the ledger; by the files that are to be imported where there is none yet. Elsewhere than beside the controller nobody knows. */
export async function issuersOf(context: CheckContext, { issuer, issuers }: Configuration): Promise<readonly Issuer[]> {
  const ledger = await context.ledger();
  if (ledger.kind === "here") {
    const nodes = ledger.inspection.snapshot().issuers.filter((one) => !isControlPlaneIssuer(one));
    return nodes.map(({ name, slot, certificatePem, ancestorsPem }) => ({
      name,
      isActive: slot === "active",
      certificate: new X509Certificate(certificatePem),
      above: ancestorsOf({ ancestorsPem }).map((pem) => new X509Certificate(pem)),
    }));
  }
  return [{ ...issuer, name: DEFAULT_ISSUER }, ...issuers].flatMap(({ name, import: files }) => {
    if (files === undefined || !existsSync(files.certificateFile)) return [];
    const above = files.chainFile === undefined ? "" : readFileSync(files.chainFile, "utf8");
    return {
      name,
      isActive: true,
      certificate: new X509Certificate(readFileSync(files.certificateFile)),
      above: ancestorsOf({ ancestorsPem: above }).map((pem) => new X509Certificate(pem)),
    };
  });
}
