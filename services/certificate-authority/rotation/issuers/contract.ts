import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { IssuerRecord, IssuerSlot } from "../../domain/issuer.ts";
import type { RotationForce, RotationRecords } from "../../domain/issuer-rotation.ts";
import type { Issuers } from "../../domain/ports.ts";

/** What is asked of a new issuer. */
export interface Preparation {
  /** The issuer that signs now is to say that it stands for the new one. */
  readonly bridge: boolean;
  /** The certificate from elsewhere and all above it, PEM; only of issuers that are signed elsewhere. */
  readonly chainPem: string | undefined;
}

/** Keys and certificates of the configured issuers, wherever they live. Failures may be shown to administrators. */
export interface IssuerKeys {
  /** The names of the configured issuers, parents first. */
  readonly names: readonly string[];
  /** Why an issuer's rotation is not ours to do; undefined when it is. */
  refusal(name: string): string | undefined;
  /** Whether somebody else signs it, so that preparing it takes two calls. */
  isSignedElsewhere(name: string): boolean;
  /**
   * Makes a new key and certificate, durable before it returns. What a crash left behind of an earlier call is found
   * again and used.
   * @param active - what signs now.
   */
  make(name: string, wanted: Preparation, active: IssuerRecord): Promise<IssuerRecord>;
  /** The request for a certificate that is signed elsewhere, PEM; the same key until `settled`. */
  request(name: string): Promise<string>;
  /** Nothing asks for a certificate any more: it is on record. */
  settled(name: string): Promise<void>;
  /** Rejects when the issuer could not sign now. */
  requireUsable(record: IssuerRecord): Promise<void>;
  /** Destroys the key of an issuer that ended. Idempotent. @returns whether it could be; not in a token. */
  destroy(record: IssuerRecord): Promise<boolean>;
  /** Destroys keys that a crash left before there was a certificate for them. Nothing may be made meanwhile. */
  forgetUnfinished(): Promise<void>;
}

/** The issuers that are in use. */
export interface IssuersInUse {
  /** One change at a time. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Goes on with what is on record now. */
  refresh(): Promise<void>;
}

export interface RotationDependencies {
  readonly records: RotationRecords;
  readonly issuers: Pick<Issuers, "list">;
  readonly keys: IssuerKeys;
  readonly inUse: IssuersInUse;
  readonly settings: RotationSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RotationSettings {
  /** User names, besides the nodes, that have to hold a new CA before it signs. */
  readonly consumers: readonly string[];
  /** Undefined when people take every step. */
  readonly automatic: AutomaticRotation | undefined;
}

export interface AutomaticRotation {
  readonly prepareAtPercentOfLife: number;
  /** How long a new CA is published at least before it signs. */
  readonly overlapSeconds: number;
  readonly bridge: boolean;
}

/** One issuer in a slot. */
export interface SlotStatus {
  readonly id: string;
  readonly slot: IssuerSlot;
  readonly commonName: string;
  readonly keyAlgorithm: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly createdAt: Date;
  readonly isBridged: boolean;
  /** Certificates that are neither expired nor revoked. */
  readonly liveCertificates: number;
  /** Those of nodes that have none after it. */
  readonly nodeCertificates: number;
  /** Those that keep it from being retired: all but Gatehouse's own. */
  readonly inTheWay: number;
  /** When the last one in the way ends. */
  readonly lastEnds: Date | undefined;
}

/** Whether the consumers are shown to trust an issuer. */
export interface TrustShown {
  readonly shown: number;
  readonly total: number;
  /** Who is not shown to, the first in order. */
  readonly missing: readonly string[];
  /** Why nothing has to be shown: what they trust already is enough. */
  readonly isGiven: "sameAnchor" | "bridge" | undefined;
}

export interface IssuerRotationStatus {
  readonly name: string;
  readonly phase: "awaitingIssuer" | "steady" | "prepared" | "replacing";
  /** Everything that has not ended: prepared, active, old. */
  readonly slots: readonly SlotStatus[];
  /** In words. */
  readonly summary: string;
  /** Of nodes' newest live certificates, how many are of the active issuer. */
  readonly moved: { readonly count: number; readonly of: number };
  /** Of the prepared issuer; of the active one while an old one is there. */
  readonly trust: TrustShown | undefined;
  /** Why its rotation is not ours. */
  readonly refusal: string | undefined;
}

/** What came of `prepare`: a certificate that is signed elsewhere has to be brought first. */
export type PrepareOutcome =
  | { readonly kind: "prepared"; readonly id: string }
  | { readonly kind: "awaitsCertificate"; readonly requestPem: string };

/** Rotation of the configured issuers, step by step. Every refusal is a StatusError that says what to do. */
export interface IssuerRotation {
  status(name: string): Promise<IssuerRotationStatus>;
  statuses(): Promise<readonly IssuerRotationStatus[]>;
  prepare(name: string, wanted: Preparation, by: string): Promise<PrepareOutcome>;
  activate(name: string, force: readonly RotationForce[], by: string): Promise<void>;
  /** @param id - of one old issuer; all of them when undefined. */
  retire(name: string, id: string | undefined, force: readonly RotationForce[], by: string): Promise<void>;
  abandon(name: string, by: string): Promise<void>;
  /** Finishes what a crash left half done: keys of issuers that ended, or never came to be, are destroyed. */
  recover(): Promise<void>;
}
