/** The digest a signature is made over; null for Ed25519 and ML-DSA, which hash by themselves. */
export type SignatureDigest = "sha256" | "sha384" | "sha512" | null;

/** A private key that is used where it is, such as in a token. Its signatures are verified by whoever asked for them. */
export interface RemoteKey {
  readonly kind: "remote";
  /** SubjectPublicKeyInfo, DER. */
  readonly spkiDer: Uint8Array;
  /** Why it cannot sign now, for administrators; undefined while it can. */
  readonly problem: string | undefined;
  /**
   * Signs as the key's kind does: ECDSA, RSASSA-PKCS1-v1_5 or Ed25519.
   *
   * @param encoding - of ECDSA signatures: DER as certificates have them, or r and s side by side.
   * @throws {StatusError} ServiceUnavailable while the key cannot be reached: to be tried again.
   */
  sign(digest: SignatureDigest, data: Uint8Array, encoding: "der" | "ieee-p1363"): Promise<Uint8Array>;
}
