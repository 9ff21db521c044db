import type { ImposedConstraints, NameConstraints } from "./name-subtrees.ts";

/** The name of the issuer that signs what no other is named for. */
export const DEFAULT_ISSUER = "default";

/** What every runtime and token makes. */
export const CLASSICAL_ALGORITHMS = [
  "ecdsa-p256",
  "ecdsa-p384",
  "rsa-2048",
  "rsa-3072",
  "rsa-4096",
  "ed25519",
] as const;
export type ClassicalAlgorithm = (typeof CLASSICAL_ALGORITHMS)[number];
/** Post-quantum; only where the runtime has them and `keyPolicy.mlDsa` names them. */
export const ML_DSA_ALGORITHMS = ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"] as const;
export type MlDsaAlgorithm = (typeof ML_DSA_ALGORITHMS)[number];
export const KEY_ALGORITHMS = [...CLASSICAL_ALGORITHMS, ...ML_DSA_ALGORITHMS] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

/** A CA certificate without its key: what may be shown, stored and compared. */
export interface IssuerDescription {
  /** Lower-case hex SHA-256 of the CA certificate's DER. */
  readonly id: string;
  readonly commonName: string;
  readonly keyAlgorithm: string;
  readonly certificateDer: Uint8Array;
  readonly certificatePem: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a CA certificate says of what may be under it. */
export interface Authority {
  readonly commonName: string;
  readonly certificatePem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly isSelfSigned: boolean;
  /** How many CA certificates may be between it and a leaf; undefined for any number. */
  readonly pathLength: number | undefined;
  readonly nameConstraints: NameConstraints | undefined;
}

/** An issuer that signs, and what follows from those above it. */
export interface ActiveIssuer {
  readonly description: IssuerDescription;
  /** What goes with a certificate besides itself, PEM: this issuer and those above it, without the root. Empty for a root. */
  readonly chainPem: string;
  /** The last instant at which the issuer and everything above it are valid: no certificate ends later. */
  readonly notAfter: Date;
  /** Its own name constraints and those of everything above it. */
  readonly constraints: readonly ImposedConstraints[];
  /** Its key is on a token, whose answer may be long in coming. */
  readonly isRemote: boolean;
}

/** Whether there is something to sign with now. */
export type IssuerAvailability =
  | { readonly kind: "ready"; readonly issuer: ActiveIssuer }
  /** Not yet, for a reason that may be shown to requesters: to be asked again. */
  | { readonly kind: "awaited"; readonly reason: string; readonly message: string };

/** An issuer as the configuration names it, whether it can sign yet or not. */
export interface ConfiguredIssuer {
  readonly name: string;
  readonly state: "ready" | "awaitingCertificate" | "awaitingIssuer" | "awaitingToken";
  /** The id of what signs, or will sign again when its token is back; undefined while there is no such thing. */
  readonly id: string | undefined;
  /** Why it cannot sign, or why its files are not taken while what was taken before signs on. */
  readonly problem: string | undefined;
  /** The signers it signs for. */
  readonly signerNames: readonly string[];
}

/** The configured issuers, for administrators. */
export interface ConfiguredIssuers {
  list(): readonly ConfiguredIssuer[];
  /**
   * Asks for the certificate of an issuer that is signed elsewhere; its key is made by the first call.
   * @returns a PKCS#10 request, PEM.
   * @throws {StatusError} Conflict when the issuer is none that is signed elsewhere.
   */
  requestCertificate(name: string, requestedBy: string): Promise<string>;
  /**
   * Takes the certificate and signs with it from then on.
   * @throws {StatusError} BadRequest, with what is wrong, when the chain cannot be used; Conflict as above.
   */
  install(name: string, chainPem: string, installedBy: string): Promise<void>;
}

export type IssuerSlot = "prepared" | "active" | "old";

export interface IssuerRecord extends IssuerDescription {
  /** What the configuration calls it; one issuer of a name is active. */
  readonly name: string;
  /** The certificates above it, PEM: its own issuer's first, the root last. Empty for a root, and when they are not known. */
  readonly ancestorsPem: string;
  readonly slot: IssuerSlot;
  /** Where the key came from. */
  readonly origin: "generated" | "imported";
  readonly createdAt: Date;
  /** When it left its slot: an old one that was retired, or a prepared one that was abandoned. It is trusted no more. */
  readonly endedAt?: Date | undefined;
  /** The issuer before it says in this certificate, PEM, that it stands in for this one's key; absent when none was asked for. */
  readonly bridgePem?: string | undefined;
  /** What its key is called in its token, when that is not what the configuration says. */
  readonly keyLabel?: string | undefined;
}
