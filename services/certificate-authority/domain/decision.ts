/**
 * One hook's verdict on one request. Failing to evaluate is a thrown error that is retried, never a verdict. A hook
 * answers `skipped` to what is none of its business: then nobody waits for its approval, even where it is required.
 */
export interface Verdict {
  readonly kind: "approved" | "denied" | "noOpinion" | "skipped";
  /** One word for programs, e.g. `AutoApproved`; becomes the condition's reason. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  /** What the verdict rests on, for `explain` and replay; never secrets. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** One hook's part of a decision, in the order the chain asked; `failed` is a hook that could not evaluate. */
export interface TraceEntry extends Omit<Verdict, "kind"> {
  readonly kind: Verdict["kind"] | "failed";
  readonly hook: string;
  readonly required: boolean;
  readonly durationMicroseconds: number;
}

export type Outcome = "approved" | "denied" | "pending";

/** What the chain (or a person) decided, with the reason it can always give. */
export interface Decision {
  readonly outcome: Outcome;
  /** The hook that settled it; `manual` for a person. Undefined while pending. */
  readonly hook: string | undefined;
  readonly reason: string;
  readonly message: string;
  readonly trace: readonly TraceEntry[];
}

/** A decision as the ledger keeps it. */
export interface DecisionRecord extends Decision {
  readonly requestUid: string;
  readonly requestName: string;
  readonly signerName: string;
  /** Who asked for the certificate. */
  readonly requester: string;
  /** Who decided: a user name, or `gatehouse` for the chain. */
  readonly decidedBy: string;
  readonly decidedAt: Date;
}
