import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import {
  AUTHORITY_PATHS,
  type ControlPlaneAuthority,
  type ControlPlaneSettings,
  controlPlaneAuthorities,
  controlPlaneCertificates,
  KUBELET_KUBECONFIG,
} from "../domain/control-plane.ts";
import { readContent } from "./file-content.ts";
import { readKubeconfigFile } from "./kubeconfig-files.ts";
import { PkiError } from "./pki-error.ts";

/** How long a certificate is still good. */
export interface ExpiringCertificate {
  readonly name: string;
  /** Undefined when it is missing. */
  readonly notAfter: Date | undefined;
  /** Whole seconds; less than 0 when it has expired. */
  readonly residualSeconds: number;
  /** The key of its CA is not in the directory. */
  readonly isExternallyManaged: boolean;
  /** Undefined for CAs. */
  readonly authority: ControlPlaneAuthority | undefined;
  readonly isMissing: boolean;
}

export interface Expiration {
  readonly certificates: readonly ExpiringCertificate[];
  readonly authorities: readonly ExpiringCertificate[];
}

/** Names and files do not depend on these. */
const ANYBODY: Omit<ControlPlaneSettings, "etcd"> = {
  clusterName: "kubernetes",
  nodeName: "node",
  advertiseAddress: "127.0.0.1",
  bindPort: 6443,
  controlPlaneEndpoint: undefined,
  extraNames: [],
  serviceCidrs: [],
  serviceDnsDomain: "cluster.local",
};

/**
 * Looks up when the certificates of a control plane expire. `kubelet.conf` is left out, as kubelets renew theirs.
 *
 * @throws {PkiError} for files that cannot be read.
 * Source: kubernetes cmd/kubeadm/app/cmd/certs.go (check-expiration), phases/certs/renewal/manager.go.
 */
export async function readExpiration(
  directory: string,
  etcd: ControlPlaneSettings["etcd"],
  now: Date,
): Promise<Expiration> {
  const external = new Set<ControlPlaneAuthority>();
  const authorities: ExpiringCertificate[] = [];
  for (const authority of controlPlaneAuthorities(etcd)) {
    const path = join(directory, AUTHORITY_PATHS[authority]);
    if ((await readContent(`${path}.key`)) === undefined) external.add(authority);
    const pem = await readContent(`${path}.crt`);
    authorities.push(describe(authority, `${path}.crt`, pem, external.has(authority), undefined, now));
  }
  const certificates: ExpiringCertificate[] = [];
  for (const { name, place, authority } of controlPlaneCertificates({ ...ANYBODY, etcd })) {
    if (name === KUBELET_KUBECONFIG) continue;
    const path = place.kind === "pair" ? join(directory, `${place.path}.crt`) : join(dirname(directory), place.file);
    const pem = place.kind === "pair" ? await readContent(path) : await certificateOfKubeconfig(path);
    certificates.push(describe(name, path, pem, external.has(authority), authority, now));
  }
  return { certificates: sorted(certificates), authorities: sorted(authorities) };
}

async function certificateOfKubeconfig(path: string): Promise<string | undefined> {
  const found = await readKubeconfigFile(path);
  if (found.kind === "unusable") throw new PkiError([found.problem]);
  return found.kind === "absent" ? undefined : found.credentials.certificatePem;
}

function describe(
  name: string,
  path: string,
  pem: string | undefined,
  isExternallyManaged: boolean,
  authority: ControlPlaneAuthority | undefined,
  now: Date,
): ExpiringCertificate {
  const common = { name, isExternallyManaged, authority };
  if (pem === undefined) return { ...common, notAfter: undefined, residualSeconds: 0, isMissing: true };
  const notAfter = notAfterOf(pem, path);
  const residualSeconds = Math.floor((notAfter.getTime() - now.getTime()) / 1000);
  return { ...common, notAfter, residualSeconds, isMissing: false };
}

function notAfterOf(pem: string, path: string): Date {
  try {
    return new Date(new X509Certificate(pem).validTo);
  } catch {
    throw new PkiError([`${path} holds no certificate that can be read; restore it, or move it away`]);
  }
}

function sorted(certificates: readonly ExpiringCertificate[]): readonly ExpiringCertificate[] {
  return certificates.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
