import { directoryNameOf, showDirectoryName, startsWithName } from "./directory-name.ts";
import { parseIpAddress } from "./ip-address.ts";
import type { ConstrainedNames, DirectoryName } from "./name-subtrees.ts";

/** One form of name and how its constraints are understood. Where readers differ, permitting is strict and excluding wide. */
export interface NameForm<Name, Constraint> {
  readonly what: string;
  readonly namesOf: (names: ConstrainedNames) => readonly Name[];
  /** Nobody could tell what a constraint says of it. */
  readonly isUnfit: (name: Name) => boolean;
  readonly isPermitted: (name: Name, constraint: Constraint) => boolean;
  readonly isExcluded: (name: Name, constraint: Constraint) => boolean;
  readonly show: (name: Name) => string;
  readonly showConstraint: (constraint: Constraint) => string;
}

const asItIs = (text: string): string => text;

/** Two labels or more: what OpenSSL takes for a DNS name in a common name when there are no DNS names. */
const PLAUSIBLE_HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+$/i;

export const dnsForm: NameForm<string, string> = {
  what: "DNS name",
  namesOf: ({ sans: { dnsNames }, subject: { commonName } }) =>
    dnsNames.length === 0 && PLAUSIBLE_HOST.test(commonName) ? [commonName] : dnsNames,
  isUnfit: () => false,
  isPermitted: (name, constraint) => isWithin(name.toLowerCase(), constraint.toLowerCase()),
  isExcluded: (name, constraint) => {
    const [host, base] = [name.toLowerCase().replace(/\.$/, ""), constraint.toLowerCase()];
    return isWithin(host, base) || mayStandFor(host, base);
  },
  show: asItIs,
  showConstraint: asItIs,
};

function isWithin(host: string, base: string): boolean {
  if (base === "" || host === base) return true;
  return host.endsWith(base.startsWith(".") ? base : `.${base}`);
}

/** Whether a name with a wildcard in its first label matches a host that the constraint is about. */
function mayStandFor(name: string, base: string): boolean {
  const dot = name.indexOf(".");
  return dot >= 0 && name.slice(0, dot).includes("*") && base.endsWith(name.slice(dot));
}

export const emailForm: NameForm<string, string> = {
  what: "e-mail address",
  namesOf: ({ sans }) => sans.emailAddresses,
  isUnfit: (address) => !address.includes("@") || address.endsWith("@"),
  isPermitted: (address, constraint) => constraint !== "" && isMailboxOf(address, constraint, asItIs),
  isExcluded: (address, constraint) =>
    constraint === "" || isMailboxOf(address, constraint, (local) => local.toLowerCase()),
  show: asItIs,
  showConstraint: asItIs,
};

/** The host is compared without regard to case, the local part as `fold` leaves it. */
function isMailboxOf(address: string, constraint: string, fold: (localPart: string) => string): boolean {
  const [local, host] = splitMailbox(address);
  if (constraint.startsWith(".")) return host.endsWith(constraint.toLowerCase()) && host.length > constraint.length;
  const [wantedLocal, wantedHost] = constraint.includes("@")
    ? splitMailbox(constraint)
    : ["", constraint.toLowerCase()];
  return host === wantedHost && (wantedLocal === "" || fold(local) === fold(wantedLocal));
}

function splitMailbox(address: string): readonly [local: string, host: string] {
  const at = address.lastIndexOf("@");
  return [address.slice(0, at), address.slice(at + 1).toLowerCase()];
}

export const uriForm: NameForm<string, string> = {
  what: "URI",
  namesOf: ({ sans }) => sans.uris,
  // RFC 5280 section 4.2.1.10: a URI whose authority is absent or no host name is refused.
  isUnfit: (uri) => hostReadings(uri).some((host) => host === "" || isAddress(host)),
  isPermitted: (uri, constraint) =>
    constraint !== "" && hostReadings(uri).every((host) => isHostOf(host, constraint.toLowerCase())),
  isExcluded: (uri, constraint) =>
    constraint === "" || hostReadings(uri).some((host) => isHostOf(host.replace(/\.$/, ""), constraint.toLowerCase())),
  show: asItIs,
  showConstraint: asItIs,
};

/**
 * The host as RFC 3986 section 3.2 has it, and as OpenSSL reads it: from the first `//` to a colon anywhere, else to a
 * slash.
 */
function hostReadings(uri: string): readonly string[] {
  const start = /^[^:]*:\/\//.exec(uri)?.[0].length;
  if (start === undefined) return [""];
  const rest = uri.slice(start).toLowerCase();
  const authority = rest.split(/[/?#]/, 1)[0] ?? "";
  const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "");
  const [untilColon = "", ...others] = rest.split(":");
  return [host, others.length > 0 ? untilColon : (rest.split("/", 1)[0] ?? "")];
}

function isHostOf(host: string, constraint: string): boolean {
  if (!constraint.startsWith(".")) return host === constraint;
  return host.length > constraint.length && host.endsWith(constraint);
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || parseIpAddress(host) !== undefined;
}

export const ipForm: NameForm<string, string> = {
  what: "IP address",
  namesOf: ({ sans }) => sans.ipAddresses,
  isUnfit: (address) => parseIpAddress(address) === undefined,
  isPermitted: isInRange,
  isExcluded: isInRange,
  show: asItIs,
  showConstraint: asItIs,
};

function isInRange(address: string, range: string): boolean {
  const [base = "", bits = ""] = range.split("/");
  const [octets, network] = [parseIpAddress(address), parseIpAddress(base)];
  if (octets === undefined || network === undefined || octets.length !== network.length) return false;
  return prefixOf(octets, Number(bits)) === prefixOf(network, Number(bits));
}

/** The first so many bits, as text. */
function prefixOf(octets: Uint8Array, bits: number): string {
  return Array.from(octets, (octet) => octet.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, bits);
}

export const directoryNameForm: NameForm<DirectoryName, DirectoryName> = {
  what: "subject",
  // A certificate without a subject is known by its other names alone.
  namesOf: ({ subject }) => {
    const name = directoryNameOf(subject);
    return name.length === 0 ? [] : [name];
  },
  isUnfit: () => false,
  isPermitted: startsWithName,
  isExcluded: startsWithName,
  show: showDirectoryName,
  showConstraint: showDirectoryName,
};
