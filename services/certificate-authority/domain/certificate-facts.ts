import type { ExtendedKeyUsage } from "./certificate.ts";
import type { Subject, SubjectAltNames } from "./csr-facts.ts";

/** What an X.509 certificate says, whoever issued it. Nothing is verified: neither its signature nor its time. */
export interface CertificateFacts {
  readonly subject: Subject;
  /** Every value of the subject attribute 1.3.6.1.4.1.57683.2, which Kubernetes reads as the user's uid. */
  readonly uids: readonly string[];
  readonly sans: SubjectAltNames;
  /** Lower-case hex, whole octets, no leading zero octet. */
  readonly serial: string;
  /** Lower-case hex SHA-256 of the certificate's DER. */
  readonly fingerprint: string;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The basicConstraints CA flag. */
  readonly isAuthority: boolean;
  /** Bits as in `CertificateIntent.keyUsage`; 0 when the extension is absent. */
  readonly keyUsage: number;
  /** The purposes we know, in the certificate's order. */
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[];
}
