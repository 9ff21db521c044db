import { isDnsSubdomain } from "../../shared/dns-names.ts";
import type { ControlPlaneSettings } from "./control-plane.ts";
import { firstServiceAddress, isAddress, isPort, isServerName, readEndpoint } from "./control-plane-endpoints.ts";

const MAXIMUM_EXTRA_NAMES = 100;
/** RFC 5280, appendix A.1: ub-common-name-length, of which `system:node:` takes twelve. */
const MAXIMUM_NODE_NAME = 52;
const CLUSTER_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** What people call the settings of a control plane that can be wrong. */
export type ControlPlaneNames = Readonly<Record<Exclude<keyof ControlPlaneSettings, "etcd">, string>>;

/** The options of `gatehouse pki init`. */
const OPTIONS: ControlPlaneNames = {
  clusterName: "--cluster-name",
  nodeName: "--node-name",
  advertiseAddress: "--apiserver-advertise-address",
  bindPort: "--apiserver-bind-port",
  controlPlaneEndpoint: "--control-plane-endpoint",
  extraNames: "--apiserver-cert-extra-sans",
  serviceCidrs: "--service-cidr",
  serviceDnsDomain: "--service-dns-domain",
};

/** What is wrong with the settings of a control plane, each by its name; empty when all is well. */
export function controlPlaneProblems(
  settings: ControlPlaneSettings,
  names: ControlPlaneNames = OPTIONS,
): readonly string[] {
  const { clusterName, nodeName, advertiseAddress, bindPort, controlPlaneEndpoint, serviceDnsDomain } = settings;
  const { extraNames, serviceCidrs } = settings;
  return [
    ...unless(
      CLUSTER_NAME.test(clusterName),
      names.clusterName,
      clusterName,
      "letters, digits, dots and dashes, at most 63",
    ),
    ...unless(isNodeName(nodeName), names.nodeName, nodeName, `a DNS name of at most ${MAXIMUM_NODE_NAME} characters`),
    ...unless(
      isUsableAddress(advertiseAddress),
      names.advertiseAddress,
      advertiseAddress,
      "an address of this machine, not 0.0.0.0",
    ),
    ...unless(isPort(bindPort), names.bindPort, String(bindPort), "a port from 1 to 65535"),
    ...unless(
      controlPlaneEndpoint === undefined || readEndpoint(controlPlaneEndpoint) !== undefined,
      names.controlPlaneEndpoint,
      controlPlaneEndpoint ?? "",
      "a DNS name or an address, with or without a port, such as api.example:6443",
    ),
    ...unless(
      isDnsSubdomain(serviceDnsDomain),
      names.serviceDnsDomain,
      serviceDnsDomain,
      "a DNS name like cluster.local",
    ),
    ...serviceCidrs.flatMap((cidr) =>
      unless(firstServiceAddress(cidr) !== undefined, names.serviceCidrs, cidr, "a range like 10.96.0.0/12"),
    ),
    ...unless(
      serviceCidrs.length <= 2,
      names.serviceCidrs,
      serviceCidrs.join(),
      "one range, or one each of IPv4 and IPv6",
    ),
    ...extraNames.flatMap((name) => unless(isServerName(name), names.extraNames, name, "DNS names and addresses")),
    ...unless(
      extraNames.length <= MAXIMUM_EXTRA_NAMES,
      names.extraNames,
      `${extraNames.length} names`,
      `${MAXIMUM_EXTRA_NAMES} at most`,
    ),
  ];
}

function unless(holds: boolean, option: string, value: string, expected: string): readonly string[] {
  return holds ? [] : [`${option} ${JSON.stringify(value)} is not usable; give ${expected}`];
}

function isNodeName(name: string): boolean {
  return isDnsSubdomain(name) && name.length <= MAXIMUM_NODE_NAME;
}

function isUsableAddress(text: string): boolean {
  return isAddress(text) && text !== "0.0.0.0" && text !== "::";
}
