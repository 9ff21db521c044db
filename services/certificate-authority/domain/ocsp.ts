import type { RevocationReason } from "./revocation.ts";

/** A certificate that is asked about. */
export interface OcspCertificateId {
  /** The issuer of ours that it names by its hashes; undefined when it is none of ours. */
  readonly issuerId: string | undefined;
  /** Lower-case hex. */
  readonly serial: string;
  /** CertID, DER: repeated in the answer. */
  readonly encoded: Uint8Array;
}

export interface OcspQuestion {
  readonly certificates: readonly OcspCertificateId[];
  /** What makes the answer one to this question alone: the whole value of the extension. */
  readonly nonce: Uint8Array | undefined;
}

export type OcspStatus =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly at: Date; readonly reason: RevocationReason }
  /** Not on record: whoever made it, it was not us. */
  | { readonly kind: "unknown" };

export interface OcspAnswer {
  readonly certificates: readonly { readonly encoded: Uint8Array; readonly status: OcspStatus }[];
  readonly nonce: Uint8Array | undefined;
  /** When it was known to be so, in whole seconds, and when there will be something newer. */
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** Why there is no answer. Source: RFC 6960 section 4.2.1. */
export type OcspFailure = "malformedRequest" | "internalError" | "tryLater" | "unauthorized";

/** Reads questions and signs answers. */
export interface OcspCodec {
  /** @throws {DerError} when it is no question, or a larger one than we read. */
  read(request: Uint8Array): OcspQuestion;
  /** The answer, DER, signed by the responder that the issuer has charged with it. */
  sign(issuerId: string, answer: OcspAnswer): Promise<Uint8Array>;
  failure(failure: OcspFailure): Uint8Array;
}
