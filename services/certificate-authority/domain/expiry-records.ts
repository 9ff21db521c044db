import type { ExpiryState } from "./expiry.ts";
import type { FleetColumns } from "./fleet.ts";

/** What is said of a holder of certificates; `renewed` takes back what was said before. */
export type NoticeState = Exclude<ExpiryState, "fresh"> | "renewed";

/** Who is meant: a signer and a name, and what tells apart those of one name that are no nodes. */
export interface HolderKey {
  readonly signerName: string;
  readonly name: string;
  readonly namesHash: number;
}

/** What was said about a holder last, and about which of its certificates. */
export interface Told extends HolderKey {
  readonly certificateId: number;
  readonly state: Exclude<NoticeState, "renewed">;
}

/** Something to be told. */
export interface ExpiryNotice extends HolderKey {
  readonly state: NoticeState;
  readonly certificateId: number;
  readonly notAfter: Date;
  /** Who is told. */
  readonly targets: readonly string[];
  /** JSON: what targets are handed. */
  readonly document: string;
}

/** A notice that waits for one target. */
export interface WaitingNotice {
  readonly id: number;
  readonly document: string;
}

/** What is kept about expiries. */
export interface ExpiryRecords {
  /**
   * The newest certificate of each holder that is not revoked.
   * @param endedBefore - whose certificate ended before this is left out: a machine that is gone.
   */
  scan(endedBefore: Date): Promise<FleetColumns>;
  /** What was said so far, in pages: the next begins after the last of the one before. */
  told(after: HolderKey | undefined, limit: number): Promise<readonly Told[]>;
  /**
   * Notes what is said, and puts it into the outboxes of its targets, all in one commit. What an outbox had for the same
   * holder is replaced by it.
   */
  record(notices: readonly ExpiryNotice[]): Promise<void>;
  /** What a target is still to be told, the oldest first. */
  waiting(target: string, limit: number): Promise<readonly WaitingNotice[]>;
  /** How many notices wait. */
  countWaiting(): Promise<number>;
  /** Takes what was delivered out of the outbox. */
  settle(ids: readonly number[]): Promise<void>;
  /** Forgets what was said about certificates that ended before an instant, and outboxes of other targets than these. */
  prune(endedBefore: Date, targets: readonly string[]): Promise<void>;
}
