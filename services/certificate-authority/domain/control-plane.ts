import { NODE_USER_PREFIX, NODES_GROUP } from "../../shared/node-identity.ts";
import type { ExtendedKeyUsage } from "./certificate.ts";
import { type ApiEndpoint, firstServiceAddress, isAddress, readEndpoint, urlOf } from "./control-plane-endpoints.ts";
import { NO_ALTERNATIVE_NAMES, type SubjectAltNames } from "./csr-facts.ts";
import { formatIpAddress, parseIpAddress } from "./ip-address.ts";

/** The CAs of a control plane, as kubeadm calls them. `ca` is the one that signs kubelets. */
export type ControlPlaneAuthority = "ca" | "front-proxy-ca" | "etcd-ca";

/** What the certificates of one control plane node depend on. */
export interface ControlPlaneSettings {
  readonly clusterName: string;
  readonly nodeName: string;
  /** Where this node's API server is reached. */
  readonly advertiseAddress: string;
  readonly bindPort: number;
  /** `host` or `host:port` of all API servers together; undefined when there is but one. */
  readonly controlPlaneEndpoint: string | undefined;
  /** Further names and addresses of the API server. */
  readonly extraNames: readonly string[];
  /** Address ranges of services, the first one being that of `kubernetes.default`. */
  readonly serviceCidrs: readonly string[];
  readonly serviceDnsDomain: string;
  /** `local`: etcd runs beside the API server. */
  readonly etcd: "local" | "external";
}

/** Where a certificate goes: a pair of files below the directory, or a kubeconfig beside it. */
type CertificatePlace =
  | { readonly kind: "pair"; readonly path: string }
  | { readonly kind: "kubeconfig"; readonly file: string; readonly server: string };

/** One certificate of a control plane. */
export interface ControlPlaneCertificate {
  /** kubeadm's name of it. */
  readonly name: string;
  readonly authority: ControlPlaneAuthority;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly purposes: readonly ExtendedKeyUsage[];
  readonly sans: SubjectAltNames;
  /** Under what it is on record. */
  readonly signerName: string;
  /** The node whose kubelet it is for. */
  readonly nodeName: string | undefined;
  readonly place: CertificatePlace;
}

/** The files of a CA, relative to the directory and without `.crt` and `.key`. */
export const AUTHORITY_PATHS: Readonly<Record<ControlPlaneAuthority, string>> = {
  ca: "ca",
  "front-proxy-ca": "front-proxy-ca",
  "etcd-ca": "etcd/ca",
};

/** The kubeconfig that a kubelet takes over and renews by itself. */
export const KUBELET_KUBECONFIG = "kubelet.conf";

const RECORD_PREFIX = "pki/";

/** What the ledger calls a control plane's own issuer; no issuer in a configuration can be called so. */
export function controlPlaneIssuerName(clusterName: string, authority: ControlPlaneAuthority): string {
  return `${RECORD_PREFIX}${clusterName}/${authority}`;
}

/** Whether an issuer is one of a control plane, which means nothing to Gatehouse itself: no client of ours, no server. */
export function isControlPlaneIssuer({ name }: { readonly name: string }): boolean {
  return name.startsWith(RECORD_PREFIX);
}

/** The CAs of a control plane. */
export function controlPlaneAuthorities(
  etcd: ControlPlaneSettings["etcd"],
): readonly [ControlPlaneAuthority, ...ControlPlaneAuthority[]] {
  return etcd === "local" ? ["ca", "front-proxy-ca", "etcd-ca"] : ["ca", "front-proxy-ca"];
}

/**
 * Every certificate of a control plane node but those of its CAs, as kubeadm 1.36 makes them.
 *
 * Source: kubernetes cmd/kubeadm/app/phases/certs/certlist.go, phases/kubeconfig/kubeconfig.go and
 * util/pkiutil/pki_helpers.go (GetAPIServerAltNames, getAltNames).
 */
export function controlPlaneCertificates(settings: ControlPlaneSettings): readonly ControlPlaneCertificate[] {
  const { nodeName, etcd } = settings;
  const etcdNames = etcdAltNames(settings);
  const both = ["serverAuth", "clientAuth"] as const;
  const ofEtcd = [
    pair("apiserver-etcd-client", "etcd-ca", "kube-apiserver-etcd-client", ["clientAuth"]),
    pair("etcd-server", "etcd-ca", nodeName, both, etcdNames),
    pair("etcd-peer", "etcd-ca", nodeName, both, etcdNames),
    pair("etcd-healthcheck-client", "etcd-ca", "kube-etcd-healthcheck-client", ["clientAuth"]),
  ];
  return [
    pair("apiserver", "ca", "kube-apiserver", ["serverAuth"], apiServerAltNames(settings)),
    pair("apiserver-kubelet-client", "ca", "kube-apiserver-kubelet-client", ["clientAuth"]),
    pair("front-proxy-client", "front-proxy-ca", "front-proxy-client", ["clientAuth"]),
    ...(etcd === "local" ? ofEtcd : []),
    ...kubeconfigs(settings),
  ];
}

/** Names of etcd's certificates begin with their folder's. */
function pair(
  name: string,
  authority: ControlPlaneAuthority,
  commonName: string,
  purposes: readonly ExtendedKeyUsage[],
  sans: SubjectAltNames = NO_ALTERNATIVE_NAMES,
): ControlPlaneCertificate {
  const path = name.replace(/^etcd-/, "etcd/");
  const signerName = `gatehouse.dev/pki-${name}`;
  const place = { kind: "pair", path } as const;
  return { name, authority, commonName, organizations: [], purposes, sans, signerName, nodeName: undefined, place };
}

function kubeconfigs(settings: ControlPlaneSettings): readonly ControlPlaneCertificate[] {
  const local = urlOf(localEndpoint(settings));
  const shared = urlOf(sharedEndpoint(settings));
  const kubelet = NODE_USER_PREFIX + settings.nodeName;
  return [
    kubeconfig("admin.conf", shared, "kubernetes-admin", ["kubeadm:cluster-admins"]),
    kubeconfig("super-admin.conf", shared, "kubernetes-super-admin", ["system:masters"]),
    kubeconfig("controller-manager.conf", local, "system:kube-controller-manager", []),
    kubeconfig("scheduler.conf", local, "system:kube-scheduler", []),
    {
      ...kubeconfig(KUBELET_KUBECONFIG, shared, kubelet, [NODES_GROUP]),
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      nodeName: settings.nodeName,
    },
  ];
}

function kubeconfig(
  file: string,
  server: string,
  commonName: string,
  organizations: readonly string[],
): ControlPlaneCertificate {
  const signerName = `gatehouse.dev/pki-${file.replace(/\.conf$/, "")}`;
  const place = { kind: "kubeconfig", file, server } as const;
  const common = {
    authority: "ca",
    purposes: ["clientAuth"],
    sans: NO_ALTERNATIVE_NAMES,
    nodeName: undefined,
  } as const;
  return { ...common, name: file, commonName, organizations, signerName, place };
}

function localEndpoint({ advertiseAddress, bindPort }: ControlPlaneSettings): ApiEndpoint {
  return { host: advertiseAddress, port: bindPort };
}

function sharedEndpoint(settings: ControlPlaneSettings): ApiEndpoint {
  const { controlPlaneEndpoint } = settings;
  const shared = controlPlaneEndpoint === undefined ? undefined : readEndpoint(controlPlaneEndpoint);
  return shared === undefined ? localEndpoint(settings) : { host: shared.host, port: shared.port ?? settings.bindPort };
}

function apiServerAltNames(settings: ControlPlaneSettings): SubjectAltNames {
  const { nodeName, serviceDnsDomain, serviceCidrs, advertiseAddress, extraNames } = settings;
  const service = "kubernetes.default.svc";
  const internal = firstServiceAddress(serviceCidrs[0] ?? "");
  return altNames([
    ...[nodeName, "kubernetes", "kubernetes.default", service, `${service}.${serviceDnsDomain}`],
    ...(internal === undefined ? [] : [internal]),
    ...[advertiseAddress, sharedEndpoint(settings).host, ...extraNames],
  ]);
}

function etcdAltNames({ nodeName, advertiseAddress }: ControlPlaneSettings): SubjectAltNames {
  return altNames([nodeName, "localhost", advertiseAddress, "127.0.0.1", "::1"]);
}

/** DNS names sorted, addresses as they come, each once. */
function altNames(names: readonly string[]): SubjectAltNames {
  const addresses = names
    .filter(isAddress)
    .map((text) => formatIpAddress(parseIpAddress(text) ?? Buffer.alloc(0)) ?? "");
  const dnsNames = names.filter((name) => !isAddress(name));
  return {
    ...NO_ALTERNATIVE_NAMES,
    dnsNames: [...new Set(dnsNames)].sort(),
    ipAddresses: [...new Set(addresses)],
  };
}
