import { isDnsSubdomain } from "../../shared/dns-names.ts";
import { formatIpAddress, parseIpAddress } from "./ip-address.ts";

/** Where an API server is reached. */
export interface ApiEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Whether the text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return parseIpAddress(text) !== undefined;
}

/** The URL of an endpoint; an IPv6 address gets its brackets. */
export function urlOf({ host, port }: ApiEndpoint): string {
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Reads `host`, `host:port`, an address, or `[address]:port`.
 *
 * @returns undefined when it is none of them.
 * Source: kubernetes cmd/kubeadm/app/util/endpoint.go (ParseHostPort).
 */
export function readEndpoint(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  if (isAddress(text)) return { host: text, port: undefined };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = digits === undefined ? undefined : Number(digits);
  const isHost = bracketed === undefined ? isAddress(host) || isDnsSubdomain(host) : isAddress(host);
  return isHost && (port === undefined || isPort(port)) ? { host, port } : undefined;
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/**
 * The address of the service `kubernetes.default`: the first one of the range after the range's own.
 *
 * @returns undefined when the text is no range, or has no room for two addresses.
 * Source: kubernetes cmd/kubeadm/app/constants/constants.go (GetAPIServerVirtualIP).
 */
export function firstServiceAddress(cidr: string): string | undefined {
  const [text = "", digits = "", ...rest] = cidr.split("/");
  const address = parseIpAddress(text);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(digits)) return undefined;
  const prefixBits = Number(digits);
  if (prefixBits >= address.length * 8) return undefined;
  const octets = Buffer.from(address);
  for (let bit = prefixBits; bit < octets.length * 8; bit += 1) {
    const index = bit >> 3;
    octets[index] = (octets[index] ?? 0) & ~(0x80 >> (bit & 7));
  }
  octets[octets.length - 1] = (octets.at(-1) ?? 0) | 1;
  return formatIpAddress(octets);
}

/** Whether a certificate may name it: an address, a DNS name, or one with `*` for its first label. */
export function isServerName(text: string): boolean {
  return isAddress(text) || isDnsSubdomain(text.startsWith("*.") ? text.slice(2) : text);
}
