import type { Environment } from "@marcbachmann/cel-js";
import ipaddr from "ipaddr.js";

const SYNC = { async: false } as const;

/** An address, as `ip()` makes it. */
class CelIp {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  constructor(address: ipaddr.IPv4 | ipaddr.IPv6) {
    this.address = address;
  }
  toString(): string {
    return this.address.toString();
  }
}

/** A range of addresses, as `cidr()` makes it. */
class CelCidr {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
  constructor(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number) {
    this.address = address;
    this.bits = bits;
  }
  toString(): string {
    return `${this.address.toString()}/${this.bits}`;
  }
}

/**
 * Addresses and ranges with the functions Kubernetes gives them: `ip(text)`, `isIP(text)`, `family()`, `isLoopback()`,
 * `isUnspecified()`, `isLinkLocalUnicast()`; `cidr(text)`, `isCIDR(text)`, `containsIP()`, `containsCIDR()`, `ip()`,
 * `prefixLength()`, `masked()`. As there, an address has no zone, is not IPv4 inside IPv6, and IPv4 has four decimal
 * parts without leading zeros.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/cel/library/ip.go and cidr.go.
 */
export function registerAddresses(environment: Environment): void {
  environment.registerType("net.IP", CelIp).registerType("net.CIDR", CelCidr);
  environment
    .registerOperator("net.IP == net.IP", (left: CelIp, right: CelIp) => String(left) === String(right))
    .registerOperator("net.CIDR == net.CIDR", (left: CelCidr, right: CelCidr) => String(left) === String(right))
    .registerFunction("gatehouse_string(net.IP): string", String, SYNC)
    .registerFunction("gatehouse_string(net.CIDR): string", String, SYNC);
  registerIp(environment);
  registerCidr(environment);
}

function registerIp(environment: Environment): void {
  const hasRange = (range: string) => (ip: CelIp) => ip.address.range() === range;
  environment
    .registerFunction("ip(string): net.IP", ipOf, SYNC)
    .registerFunction("isIP(string): bool", (text: string) => parseIp(text) !== undefined, SYNC)
    .registerFunction("net.IP.family(): int", (ip: CelIp) => (ip.address.kind() === "ipv4" ? 4n : 6n), SYNC)
    .registerFunction("net.IP.isLoopback(): bool", hasRange("loopback"), SYNC)
    .registerFunction("net.IP.isUnspecified(): bool", (ip: CelIp) => isUnspecified(ip), SYNC)
    .registerFunction("net.IP.isLinkLocalUnicast(): bool", hasRange("linkLocal"), SYNC);
}

function registerCidr(environment: Environment): void {
  environment
    .registerFunction("cidr(string): net.CIDR", cidrOf, SYNC)
    .registerFunction("isCIDR(string): bool", (text: string) => parseCidr(text) !== undefined, SYNC)
    .registerFunction("net.CIDR.containsIP(net.IP): bool", containsIp, SYNC)
    .registerFunction(
      "net.CIDR.containsIP(string): bool",
      (cidr: CelCidr, ip: string) => containsIp(cidr, ipOf(ip)),
      SYNC,
    )
    .registerFunction("net.CIDR.containsCIDR(net.CIDR): bool", containsCidr, SYNC)
    .registerFunction(
      "net.CIDR.containsCIDR(string): bool",
      (outer: CelCidr, inner: string) => containsCidr(outer, cidrOf(inner)),
      SYNC,
    )
    .registerFunction("net.CIDR.ip(): net.IP", (cidr: CelCidr) => new CelIp(cidr.address), SYNC)
    .registerFunction("net.CIDR.prefixLength(): int", (cidr: CelCidr) => BigInt(cidr.bits), SYNC)
    .registerFunction("net.CIDR.masked(): net.CIDR", masked, SYNC);
}

function ipOf(text: string): CelIp {
  const address = parseIp(text);
  if (address === undefined) throw new Error("ip() takes an IPv4 or IPv6 address");
  return new CelIp(address);
}

function cidrOf(text: string): CelCidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error("cidr() takes an address and a prefix length, for example 10.0.0.0/8");
  return cidr;
}

/** Longest text of an address: eight groups of four with seven colons. */
const IP_CHARACTERS = 39;

function parseIp(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (text.length > IP_CHARACTERS || text.includes("%")) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? undefined : address;
}

function parseCidr(text: string): CelCidr | undefined {
  const [ip = "", bits = "", ...rest] = text.length > IP_CHARACTERS + 4 ? [] : text.split("/");
  const address = parseIp(ip);
  if (address === undefined || rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  return Number(bits) > address.toByteArray().length * 8 ? undefined : new CelCidr(address, Number(bits));
}

function isUnspecified(ip: CelIp): boolean {
  return ip.address.toByteArray().every((octet) => octet === 0);
}

function containsIp(cidr: CelCidr, ip: CelIp): boolean {
  return startsAlike(cidr, ip.address);
}

function containsCidr(outer: CelCidr, inner: CelCidr): boolean {
  return inner.bits >= outer.bits && startsAlike(outer, inner.address);
}

function startsAlike(cidr: CelCidr, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const outer = cidr.address.toByteArray();
  const inner = address.toByteArray();
  return (
    inner.length === outer.length &&
    maskOctets(inner, cidr.bits).every((octet, index) => octet === maskOctets(outer, cidr.bits)[index])
  );
}

function masked(cidr: CelCidr): CelCidr {
  return new CelCidr(ipaddr.fromByteArray(maskOctets(cidr.address.toByteArray(), cidr.bits)), cidr.bits);
}

function maskOctets(octets: readonly number[], bits: number): number[] {
  return octets.map((octet, index) => octet & (0xff << (8 - Math.min(Math.max(bits - index * 8, 0), 8))) & 0xff);
}
