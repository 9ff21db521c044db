import type { RevocationReason } from "./revocation.ts";

/** What a CRL or an OCSP answer says of a revoked certificate. */
export interface RevokedSerial {
  /** Lower-case hex. */
  readonly serial: string;
  readonly at: Date;
  readonly reason: RevocationReason;
}

/** Entries of a CRL as they stand in it; those that are in it are not encoded again. */
export interface EncodedEntries {
  readonly count: number;
  add(entry: RevokedSerial): void;
}

/** When a CRL is from, in whole seconds, and when there will be a newer one. */
export interface RevocationListTimes {
  /** Greater than that of each CRL before it. */
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** Builds and signs CRLs. */
export interface RevocationListSigner {
  newEntries(): EncodedEntries;
  /**
   * @returns the CRL, DER.
   * @throws {StatusError} ServiceUnavailable when the issuer does not sign (any more), or its key cannot be reached.
   */
  signRevocationList(issuerId: string, entries: EncodedEntries, times: RevocationListTimes): Promise<Uint8Array>;
}

/** The numbers of CRLs, which never repeat. One counter for all issuers. */
export interface RevocationListNumbers {
  last(): number;
  /** To be called before anybody sees the CRL. `sha256` is that of its DER, lower-case hex. */
  record(
    list: RevocationListTimes & { readonly issuerId: string; readonly entries: number; readonly sha256: string },
  ): Promise<void>;
}

/** Where the certificates of one issuer say that their revocation can be looked up. */
export interface RevocationPointers {
  /** Of the issuer's CRL. */
  readonly crlUrl: string | undefined;
  /** Of an OCSP responder. */
  readonly ocspUrl: string | undefined;
}
