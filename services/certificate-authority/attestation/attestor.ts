import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";

/** What a challenge is made for. Everything in it comes from a caller nobody knows yet. */
export interface ChallengeInput {
  /** As the caller sent it, checked for size alone. */
  readonly hello: unknown;
  readonly nonce: Buffer;
}

/** What an attestor adds to a challenge. */
export interface ChallengeAddition {
  /** For the caller. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Comes back in `ProofInput`, sealed meanwhile so that the caller cannot read it; at most 64 octets. */
  readonly secret?: Buffer;
}

/** What is to be verified. `hello` is the one of the challenge, `bind` was made of the challenge's own fields. */
export interface ProofInput {
  readonly hello: unknown;
  readonly proof: unknown;
  readonly nonce: Buffer;
  /** 32 octets that the evidence has to cover; see `bindOf`. */
  readonly bind: Buffer;
  readonly secret: Buffer | undefined;
  /** The name the machine asked for; empty when none. A hint: evidence bears it out, or it is refused later. */
  readonly nodeName: string;
  readonly now: Date;
  /** Where the connection comes from, as the server sees it. */
  readonly clientAddress: string;
  /** Says that nobody waits any more. */
  readonly signal: AbortSignal;
}

/** What evidence showed. Every text in it was signed by whom the profile trusts, or computed by us from what was. */
export interface Evidence {
  /** What the machine is called by whoever vouches for it; stays the same for its life; at most 256 characters. */
  readonly machineId: string;
  /** What must not change from one attestation of this machine to the next, e.g. the name of its attestation key. */
  readonly pins: Readonly<Record<string, string>>;
  /** Verified facts for names, traces and people; keys as `instance_name`. Nothing secret. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where the evidence itself fixes the node's name; then neither templates nor the caller are asked. */
  readonly nodeName?: string;
  /** Names and addresses that the evidence shows to be this machine's; for its serving certificates. */
  readonly sans?: { readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] };
  /** False where the evidence does not cover bind: whoever has seen it once can show it again. */
  readonly isFresh: boolean;
  /** When the machine was launched, where a cloud's API confirmed it: a later launch is a new attestation of the machine. */
  readonly launchedAt?: Date;
  /** Only a machine that an administrator enrolled may be bound by this, whatever the profile says. */
  readonly mustBeEnrolled?: boolean;
  /**
   * What is used up by this attestation, with how many uses it has: the join token's id. Consumed in the transaction that
   * stores the binding.
   */
  readonly consumes?: { readonly joinTokenId: string };
}

/** One way for a machine to prove what it is; made for one profile. */
export interface Attestor {
  /**
   * What the challenge has to hold; nothing but the nonce where it is absent. It stores nothing and asks nobody.
   *
   * @throws {AttestationRefusal}
   */
  challenge?(input: ChallengeInput): ChallengeAddition | Promise<ChallengeAddition>;
  /**
   * Verifies evidence. Anything thrown denies: what is not an `AttestationRefusal` counts as one.
   *
   * @throws {AttestationRefusal} saying what was wrong, for the audit log.
   */
  verify(input: ProofInput): Evidence | Promise<Evidence>;
  /** Whether whoever vouches for machines says that this one is gone for good; undefined when it cannot be asked. */
  isGone?(machineId: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Frees what it holds. */
  close?(): void;
}

/** What attestors stand on. */
export interface AttestorTools {
  /** The URL of the attestation API, as callers know it. */
  readonly audience: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}
