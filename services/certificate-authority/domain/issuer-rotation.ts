import type { IssuerRecord } from "./issuer.ts";

/**
 * The steps of an issuer's rotation: a new one is prepared and trusted, then activated and signs, then the one before is
 * retired and trusted no more; or the prepared one is abandoned.
 */
export const ROTATION_STEPS = ["prepare", "activate", "retire", "abandon"] as const;
export type RotationStep = (typeof ROTATION_STEPS)[number];

/** What an administrator may say to have a step done although it is refused. */
export const ROTATION_FORCES = ["consumers-not-shown-to-trust", "live-certificates"] as const;
export type RotationForce = (typeof ROTATION_FORCES)[number];

/** Who took a step, when, and what is put on the audit trail besides. */
export interface StepEntry {
  readonly at: Date;
  readonly by: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A live certificate of an issuer: neither expired nor revoked. */
export interface LiveCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  readonly signerName: string;
  readonly commonName: string;
  readonly nodeName: string | undefined;
  readonly notAfter: Date;
  /** There is none after it for the same node and signer. */
  readonly isNewest: boolean;
}

/** That a consumer holds a trust bundle. */
export interface TrustReport {
  /** User name of who reported. */
  readonly consumer: string;
  /** SHA-256 of the DER of each CA certificate in the bundle, lower-case hex. */
  readonly anchors: ReadonlySet<string>;
  readonly at: Date;
}

/** What the ledger keeps for rotation. Each step is one durable commit with its audit entries, or nothing. */
export interface RotationRecords {
  /**
   * Puts down a prepared issuer. Idempotent by id.
   * @throws {StatusError} Conflict when another one of its name is prepared.
   */
  prepare(issuer: IssuerRecord, entry: StepEntry): Promise<void>;
  /**
   * The prepared issuer signs from now on, the one before it is old. Idempotent by id.
   * @throws {StatusError} NotFound; Conflict when it is not prepared.
   */
  activate(id: string, entry: StepEntry): Promise<void>;
  /**
   * Old issuers are trusted no more; all of them or none. Idempotent by id.
   * @param despite - live certificates, and issuers below, do not matter.
   * @throws {StatusError} NotFound; Conflict when one is not old, has a live certificate, or one that was not retired is below it.
   */
  retire(ids: readonly string[], entry: StepEntry, despite: boolean): Promise<void>;
  /** Forgets a prepared issuer. Idempotent by id. @throws {StatusError} NotFound; Conflict when it is not prepared. */
  abandon(id: string, entry: StepEntry): Promise<void>;
  /** Live certificates of an issuer and when the last of them ends, from an index alone; gives way to other work. */
  countLive(issuerId: string, now: Date): Promise<{ readonly count: number; readonly lastEnds: Date | undefined }>;
  /** Shows the live certificates of an issuer, soonest to end first, some at a time; gives way to other work. */
  visitLive(issuerId: string, now: Date, visit: (some: readonly LiveCertificate[]) => void): Promise<void>;
  /** The newest report of each consumer. */
  trustReports(): readonly TrustReport[];
  /** @param etag - names the bundle. */
  reportTrust(etag: string, report: TrustReport): Promise<void>;
}

/** Signers of certificates for Gatehouse itself: it replaces them where it left them, so no step waits for them. */
export const REPLACED_BY_US: readonly string[] = [
  "gatehouse.dev/serving",
  "gatehouse.dev/administrator",
  "gatehouse.dev/ocsp",
];

/** Whether an issuer is trusted at all. */
export function isInSlot({ endedAt, notAfter }: Pick<IssuerRecord, "endedAt" | "notAfter">, now: Date): boolean {
  return endedAt === undefined && notAfter >= now;
}
