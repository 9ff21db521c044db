import { parseIpAddress } from "../../domain/ip-address.ts";
import { isInIpRange } from "../../domain/ip-range.ts";
import type { ClaimedName } from "./source.ts";

export interface ReservedNames {
  /** The domain of the cluster's services, e.g. `cluster.local`. */
  readonly clusterDomain: string;
  /** Further names (and all below them), addresses and ranges. */
  readonly reserved: readonly string[];
}

/** Names every machine has for itself, and what such names are below. Source: RFC 6761 section 6.3. */
const OWN_NAMES = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];

/** Source: RFC 6890 sections 2.2.2 and 2.2.3; RFC 4291 sections 2.4 and 2.5. */
const SPECIAL_RANGES: readonly (readonly [range: string, what: string])[] = [
  ["0.0.0.0/8", "no address of one machine"],
  ["127.0.0.0/8", "every machine's own address"],
  ["169.254.0.0/16", "a link-local address"],
  ["224.0.0.0/3", "a group, reserved or broadcast address"],
  ["::/128", "no address of one machine"],
  ["::1/128", "every machine's own address"],
  ["fe80::/10", "a link-local address"],
  ["ff00::/8", "a group address"],
];

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*$/;

/**
 * Why a name belongs to no node unless somebody wrote it down for that node; undefined for ordinary names. A kubelet's
 * certificate of such a name would speak for the cluster's API server or services, or for whoever asks for itself.
 *
 * Source: kubernetes pkg/controlplane/controller/kubernetesservice (the API server's own service).
 */
export function reservation({ kind, name }: ClaimedName, settings: ReservedNames): string | undefined {
  return kind === "ip" ? addressReservation(name, settings) : nameReservation(name, settings);
}

function addressReservation(address: string, { reserved }: ReservedNames): string | undefined {
  const special = SPECIAL_RANGES.find(([range]) => isInIpRange(address, range));
  if (special !== undefined) return special[1];
  const entry = reserved.find((candidate) => candidate === address || isInIpRange(address, candidate));
  return entry === undefined ? undefined : `reserved by the setting ${entry}`;
}

function nameReservation(name: string, { clusterDomain, reserved }: ReservedNames): string | undefined {
  if (name.includes("*")) return "a wildcard";
  if (!DNS_NAME.test(name)) return "no well-formed DNS name";
  if (parseIpAddress(name) !== undefined) return "an address in place of a DNS name";
  if (OWN_NAMES.some((own) => isAtOrBelow(name, own))) return "every machine's own name";
  if (/^kubernetes(\.default(\..*)?)?$/.test(name)) return "the API server's name";
  if (isAtOrBelow(name, "svc") || isAtOrBelow(name, clusterDomain)) return "a name of the cluster's services";
  const entry = reserved.find((candidate) => isAtOrBelow(name, candidate));
  return entry === undefined ? undefined : `reserved by the setting ${entry}`;
}

function isAtOrBelow(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
