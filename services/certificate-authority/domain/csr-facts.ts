import type { MlDsaSet } from "./ml-dsa.ts";

/**
 * The subject attributes Go's `pkix.Name` knows; every other attribute is dropped. Values in the order the request has
 * them; of `commonName` and `serialNumber` the last one wins, empty when absent.
 */
export interface Subject {
  readonly country: readonly string[];
  readonly organization: readonly string[];
  readonly organizationalUnit: readonly string[];
  readonly locality: readonly string[];
  readonly province: readonly string[];
  readonly streetAddress: readonly string[];
  readonly postalCode: readonly string[];
  readonly commonName: string;
  readonly serialNumber: string;
}

export const NO_SUBJECT: Subject = {
  ...{ country: [], organization: [], organizationalUnit: [], locality: [], province: [] },
  ...{ streetAddress: [], postalCode: [], commonName: "", serialNumber: "" },
};

/** Subject alternative names of the four kinds we issue, in the order of the request. Addresses as canonical text. */
export interface SubjectAltNames {
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
}

export const NO_ALTERNATIVE_NAMES: SubjectAltNames = { dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] };

export type Curve = "P-224" | "P-256" | "P-384" | "P-521";

/** What is wrong with the primes of an RSA key, as far as its modulus alone shows it. */
export type RsaDefect = "infineonPrimes" | "closePrimes";

export type PublicKeyKind =
  | {
      readonly algorithm: "RSA";
      readonly bits: number;
      readonly exponent: number;
      readonly defects: readonly RsaDefect[];
      /** Lower-case hex SHA-1 of `Modulus=`, the modulus in upper-case hex and a line feed: what Debian lists weak keys by. */
      readonly modulusSha1: string;
    }
  | { readonly algorithm: "ECDSA"; readonly curve: Curve }
  | { readonly algorithm: "Ed25519" }
  | { readonly algorithm: "ML-DSA"; readonly parameterSet: MlDsaSet };

/** What a CSR says, once its encoding was found complete and its self-signature valid. Beyond this, no ASN.1. */
export interface CsrFacts {
  readonly subject: Subject;
  readonly sans: SubjectAltNames;
  readonly key: PublicKeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spkiDer: Uint8Array;
  /** Lower-case hex SHA-256 of `spkiDer`. */
  readonly spkiSha256: string;
}

/** A CSR either yields facts or a reason that may be shown to the requester. */
export type CsrDecoding =
  | { readonly kind: "facts"; readonly facts: CsrFacts }
  | { readonly kind: "invalid"; readonly message: string };
