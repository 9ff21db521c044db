import type { Subject, SubjectAltNames } from "./csr-facts.ts";

/** Parts of the name space; each list holds constraints as RFC 5280 section 4.2.1.10 writes them. */
export interface NameSubtrees {
  /** `example.com` is that name and everything below it; empty text is every name. */
  readonly dnsNames: readonly string[];
  /** A mailbox, `example.com` for every mailbox of that host, `.example.com` for those of hosts below it. */
  readonly emailAddresses: readonly string[];
  /** An address and the length of the prefix that counts, such as `10.0.0.0/8`. */
  readonly ipRanges: readonly string[];
  /** `host.example.com` is that host of a URI, `.example.com` every host below it. */
  readonly uriHosts: readonly string[];
  /** How a subject has to begin. */
  readonly directoryNames: readonly DirectoryName[];
}

/** Relative names in their order, each a set of attributes. */
export type DirectoryName = readonly (readonly NameAttribute[])[];

export interface NameAttribute {
  /** Object identifier, dotted. */
  readonly type: string;
  readonly value: string;
}

/** What a CA certificate lets the certificates below it be called. */
export interface NameConstraints {
  /** Names of a form that occurs here must lie in one of its subtrees. */
  readonly permitted: NameSubtrees;
  readonly excluded: NameSubtrees;
}

/** Constraints and the common name of the CA whose certificate has them. */
export interface ImposedConstraints {
  readonly issuer: string;
  readonly constraints: NameConstraints;
}

/** The parts of a request that become names of its certificate. */
export interface ConstrainedNames {
  readonly subject: Subject;
  readonly sans: SubjectAltNames;
}

/** Subtrees that say nothing. */
export const NO_SUBTREES: NameSubtrees = {
  dnsNames: [],
  emailAddresses: [],
  ipRanges: [],
  uriHosts: [],
  directoryNames: [],
};

/** Whether no subtree is named at all. */
export function isEmptySubtrees(subtrees: NameSubtrees): boolean {
  return Object.values(subtrees).every((list: readonly unknown[]) => list.length === 0);
}
