/** What a revocation list says at one moment. */
export interface RevocationSet {
  /** SHA-256 of certificates' DER, 64 lower-case hex digits. */
  readonly fingerprints: ReadonlySet<string>;
  /** Nodes that are quarantined. */
  readonly nodeNames: ReadonlySet<string>;
}

export const NOTHING_REVOKED: RevocationSet = { fingerprints: new Set(), nodeNames: new Set() };

/** A revocation list that is kept current from somewhere. */
export interface RevocationSource {
  /** Resolves when it has been begun. @throws when it can never begin. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The newest that is known; undefined while nothing is, and then nobody may be answered. */
  current(): RevocationSet | undefined;
  /** When it was last confirmed that the list is current. */
  confirmedAt(): Date | undefined;
}

/** Where nothing is configured: nobody is revoked. */
export const NO_REVOCATIONS: RevocationSource = {
  start: async () => undefined,
  stop: async () => undefined,
  current: () => NOTHING_REVOKED,
  confirmedAt: () => undefined,
};
