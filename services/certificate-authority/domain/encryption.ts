/** What sealing all private keys anew came to. */
export interface ReencryptionOutcome {
  /** Of the key that everything is under now, as the encryption configuration calls them. */
  readonly provider: string;
  /** Empty for `identity`. */
  readonly keyName: string;
  readonly sealedFiles: number;
  /** How many of them were not under that key before. */
  readonly rewritten: number;
}

/** How private keys are encrypted at rest. */
export interface EncryptionAtRest {
  /**
   * Reads the encryption keys again and brings everything sealed under the first of them.
   * @throws {StatusError} ServiceUnavailable when a key service is away; InternalError, which names what is wrong.
   */
  reencrypt(): Promise<ReencryptionOutcome>;
}
