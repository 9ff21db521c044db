import type { Subject, SubjectAltNames } from "./csr-facts.ts";

export type ExtendedKeyUsage =
  | "any"
  | "serverAuth"
  | "clientAuth"
  | "codeSigning"
  | "emailProtection"
  | "ipsecEndSystem"
  | "ipsecTunnel"
  | "ipsecUser"
  | "timeStamping"
  | "ocspSigning"
  | "microsoftServerGatedCrypto"
  | "netscapeServerGatedCrypto";

/**
 * What was approved to be certified: everything the certificate will say. The signer builds exactly this and the
 * re-reading parser must find exactly this. Lifetimes are whole seconds.
 */
export interface CertificateIntent {
  readonly subject: Subject;
  readonly sans: SubjectAltNames;
  readonly spkiDer: Uint8Array;
  /** KeyUsage bits as RFC 5280 4.2.1.3 numbers them: bit 0 (digitalSignature) is 1, bit 1 is 2, … bit 8 is 256. */
  readonly keyUsage: number;
  /** In Go's enum order, without duplicates. */
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /**
   * It says that nobody need look whether it is revoked, and not where: for the short lives of OCSP responders.
   * Source: RFC 6960 section 4.2.2.2.1.
   */
  readonly isUnchecked?: boolean;
}

/** A signed leaf and what the ledger indexes of it. */
export interface SignedCertificate {
  /** Exactly one PEM `CERTIFICATE` block. */
  readonly pem: string;
  readonly der: Uint8Array;
  /** Lower-case hex without leading zeros beyond a full octet, as openssl prints it in lower case. */
  readonly serial: string;
  /** Lower-case hex SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly issuerId: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export type CertificateState = "issued" | "revoked";

/** A certificate as the ledger keeps it. */
export interface CertificateRecord extends CertificateSummary {
  readonly der: Uint8Array;
}

/** A recorded certificate without its encoding, as lists show it. */
export interface CertificateSummary {
  readonly serial: string;
  readonly fingerprint: string;
  readonly issuerId: string;
  /** `kubernetes.io/…`, or `gatehouse.dev/serving` and `gatehouse.dev/administrator` for our own. */
  readonly signerName: string;
  /** The node of CN `system:node:<name>`; undefined for everything else. */
  readonly nodeName: string | undefined;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly sans: SubjectAltNames;
  readonly spkiSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of an imported one notBefore, since nobody knows better. */
  readonly issuedAt: Date;
  readonly state: CertificateState;
  /** The request it answers; undefined for our own certificates. */
  readonly requestUid: string | undefined;
  readonly requestName: string | undefined;
  readonly requester: string | undefined;
  /** Fingerprint of the certificate that this one replaces: same signer and node, newest before it. */
  readonly predecessor: string | undefined;
  /** When it was put on record, of one that was issued before us or without us; undefined for those that we issued. */
  readonly importedAt?: Date | undefined;
  /** Whether it has the key of the certificate it replaces; where it is not known, or there is none, undefined. */
  readonly keyReused?: boolean | undefined;
}
