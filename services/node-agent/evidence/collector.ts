import type { AttestorKind } from "../../shared/attestation/wire.ts";

/** A challenge as evidence has to answer it. */
export interface AnsweredChallenge {
  /** 32 octets that the evidence has to cover; see `bindOf`. */
  readonly bind: Buffer;
  /** The URL of the attestation API. */
  readonly audience: string;
  /** What the attestor tells besides, unchecked. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** One way of this host to prove what it is. What it throws is an AgentError. */
export interface EvidenceCollector {
  readonly kind: AttestorKind;
  /** What the challenge is asked for with. */
  readonly hello: Readonly<Record<string, unknown>>;
  /** By what an administrator enrolls this machine, where that shows beforehand. */
  readonly machineId?: string;
  prove(challenge: AnsweredChallenge): Promise<Readonly<Record<string, unknown>>>;
  /** Frees what it holds. */
  close?(): Promise<void>;
}

/** Octets as they travel. */
export function base64url(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64url");
}
