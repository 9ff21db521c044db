import { Resolver } from "node:dns/promises";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import { isInIpRange } from "../../domain/ip-range.ts";
import { showName } from "../../domain/shown-name.ts";
import type { EvidenceSource, Showing } from "./source.ts";

export interface DnsSettings {
  /** Domains in lower case, in which the node is called by its name. */
  readonly suffixes: readonly string[];
  /** Whether the node's name is looked up by itself, too. */
  readonly bareNodeName: boolean;
  /** Where an address must be for DNS to say anything about it. */
  readonly ranges: readonly string[];
  /** Addresses of name servers; those of the system when absent. */
  readonly servers?: readonly string[] | undefined;
  /** For one question. */
  readonly timeoutSeconds: number;
}

/** The questions that are asked; rejects with a code as `node:dns` does. */
export interface DnsQuestions {
  resolve4(name: string): Promise<readonly string[]>;
  resolve6(name: string): Promise<readonly string[]>;
  resolvePtr(name: string): Promise<readonly string[]>;
}

/** The answer is that there is nothing. */
const NOTHING = new Set(["ENOTFOUND", "ENODATA"]);
const MAXIMUM_NAMES = 20;

/**
 * Addresses by DNS, in both directions: the node's name has the address, and the address has that name. It proves what
 * the zones say, by answers that nobody signed: whoever can write either zone, or answer in its place, can take the
 * node's addresses. Names it says nothing about: that a name resolves does not make it the node's.
 */
export function dnsSource(settings: DnsSettings, questions: DnsQuestions = resolverOf(settings)): EvidenceSource {
  const { ranges, suffixes, bareNodeName } = settings;
  return {
    name: "dns",
    async show(nodeName, { kind, name: address }): Promise<Showing | undefined> {
      if (kind !== "ip") return undefined;
      if (!ranges.some((range) => isInIpRange(address, range))) {
        return { isShown: false, says: "is in none of the ranges", cure: "add a range that holds it to dns.ranges" };
      }
      const names = new Set([
        ...(bareNodeName ? [nodeName] : []),
        ...suffixes.map((suffix) => `${nodeName}.${suffix}`),
      ]);
      const pointers = await answers(() => questions.resolvePtr(pointerName(address)));
      const back = pointers
        .slice(0, MAXIMUM_NAMES)
        .map(canonicalName)
        .find((name) => names.has(name));
      if (back === undefined) {
        const cure = `give it a PTR record for ${[...names].map(showName).join(" or ")}`;
        return { isShown: false, says: "no PTR record names the node", cure };
      }
      const isIpv4 = parseIpAddress(address)?.length === 4;
      const found = await answers(() => (isIpv4 ? questions.resolve4(back) : questions.resolve6(back)));
      if (found.some((other) => canonicalAddress(other) === address)) {
        return { isShown: true, says: `${showName(back)} resolves to it, and it to that name`, isExact: false };
      }
      const cure = `give ${showName(back)} an ${isIpv4 ? "A" : "AAAA"} record for it`;
      return { isShown: false, says: `${showName(back)} does not resolve to it`, cure };
    },
  };
}

function resolverOf({ servers, timeoutSeconds }: DnsSettings): DnsQuestions {
  const resolver = new Resolver({ timeout: timeoutSeconds * 1000, tries: 1 });
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}

/** @throws {Error} when there was no answer; that there is nothing is an answer. */
async function answers(ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await ask();
  } catch (error) {
    const { code = "no answer" } = error as NodeJS.ErrnoException;
    if (NOTHING.has(code)) return [];
    throw new Error(`DNS: ${code}`, { cause: error });
  }
}

function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function canonicalAddress(address: string): string | undefined {
  const octets = parseIpAddress(address);
  return octets && formatIpAddress(octets);
}

/**
 * The name of an address's PTR record. Asked for as any other name: `reverse` would take what /etc/hosts says, and take
 * a server's silence for an answer. Source: RFC 1035 section 3.5, RFC 3596 section 2.5.
 */
function pointerName(address: string): string {
  const octets = parseIpAddress(address) ?? Buffer.of();
  if (octets.length === 4) return `${[...octets].toReversed().join(".")}.in-addr.arpa`;
  return `${Array.from(octets.toString("hex")).toReversed().join(".")}.ip6.arpa`;
}
