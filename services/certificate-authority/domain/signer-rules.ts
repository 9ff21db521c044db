import type { Curve, PublicKeyKind, Subject } from "./csr-facts.ts";
import type { MlDsaSet } from "./ml-dsa.ts";

/** The attributes of a subject, in the order in which they are judged. */
export const SUBJECT_ATTRIBUTES = [
  "commonName",
  "organization",
  "organizationalUnit",
  "country",
  "province",
  "locality",
  "streetAddress",
  "postalCode",
  "serialNumber",
] as const satisfies readonly (keyof Subject)[];

/** The kinds of alternative names, as the configuration calls their rules. */
export const NAME_RULES = ["dnsNames", "emailAddresses", "ipRanges", "uris"] as const;

/** Which requested subjects are certified. Without a pattern an attribute must be absent. */
export interface SubjectRules extends Readonly<Record<(typeof SUBJECT_ATTRIBUTES)[number], readonly string[]>> {
  readonly required: readonly (typeof SUBJECT_ATTRIBUTES)[number][];
}

/** Which alternative names are certified. Without a pattern there may be none of a kind. */
export interface AlternativeNameRules extends Readonly<Record<(typeof NAME_RULES)[number], readonly string[]>> {
  readonly required: readonly (typeof NAME_RULES)[number][];
  /** Whether `*` of a pattern for DNS names stands for the `*` of a wildcard name, too. */
  readonly wildcardDnsNames: boolean;
}

export const KEY_KINDS = ["RSA", "ECDSA", "Ed25519", "ML-DSA"] as const satisfies readonly PublicKeyKind["algorithm"][];

/** Which keys are certified, of those that the key policy lets through. */
export interface SignerKeyRules {
  readonly algorithms: readonly PublicKeyKind["algorithm"][];
  readonly minimumRsaBits?: number | undefined;
  readonly curves?: readonly Curve[] | undefined;
  readonly mlDsa?: readonly MlDsaSet[] | undefined;
}

/** What certificates say of a pod: texts with places such as `{namespace}`, for signers of PodCertificateRequests. */
export interface PodNames {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** What the certificates are for: such a request names no usages. */
  readonly usages: readonly string[];
}
