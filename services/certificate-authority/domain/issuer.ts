export const KEY_ALGORITHMS = ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"] as const;
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

export type IssuerSlot = "prepared" | "active" | "old";

export interface IssuerRecord extends IssuerDescription {
  readonly slot: IssuerSlot;
  /** Where the key came from. */
  readonly origin: "generated" | "imported";
  readonly createdAt: Date;
}
