import type { Decision, Outcome } from "./decision.ts";

/** One decision that a shadow chain would have made otherwise. */
export interface ShadowRecord {
  readonly at: Date;
  readonly requestUid: string;
  readonly requestName: string;
  readonly signerName: string;
  readonly requester: string;
  readonly live: Pick<Decision, "outcome" | "hook">;
  readonly shadow: Decision;
}

/** The decisions on record that a shadow chain would have made otherwise; the oldest go when there are too many. */
export interface ShadowDecisions {
  record(decision: ShadowRecord): Promise<void>;
  /** Newest first. */
  latest(limit: number): Promise<readonly ShadowRecord[]>;
}

/** What a shadow chain has come to since it was configured or the server started, whichever was later. */
export interface ShadowStatus {
  readonly since: Date;
  readonly agreed: number;
  /** By outcome of the chain in force and of the shadow, where they differ. */
  readonly differed: readonly { readonly live: Outcome; readonly shadow: Outcome; readonly count: number }[];
  /** Reviews where a hook of the shadow could not evaluate. */
  readonly failed: number;
  /** Decisions that the shadow was not asked about, because too many waited for it. */
  readonly dropped: number;
}
