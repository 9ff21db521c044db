import type { Clock } from "../../shared/clock.ts";
import type { Configuration, ConfigurationError } from "../configuration.ts";
import type { KeysInspection } from "../custody/inspect-keys.ts";
import type { LedgerInspection, WriterState } from "../ledger/inspect-ledger.ts";
import type { System } from "./system.ts";

/** `skipped` is for what could not be looked at; the finding says why. */
export type Outcome = "ok" | "warning" | "error" | "skipped";

/** What a check found about one thing. Never holds a secret. */
export interface Finding {
  readonly outcome: Outcome;
  /** The file, setting or address it is about. */
  readonly subject: string;
  /** What is so, or why nothing was looked at. */
  readonly finding: string;
  /** What to do, as a command where there is one; nothing when all is well. */
  readonly wayOut?: string;
}

export interface Check {
  /** `<topic>.<what>`; stays the same, since people filter by it. */
  readonly id: string;
  /** What it looks at, for people. */
  readonly title: string;
  /** Makes sense even when it is not known where the server keeps anything. */
  readonly isIndependent?: boolean;
  /** Not limited in time when everything is to be read (`--full`). */
  readonly isSlow?: boolean;
  /** May throw: that becomes an error's finding. `signal` aborts when its time is over. */
  run(context: CheckContext, signal: AbortSignal): Promise<readonly Finding[]> | readonly Finding[];
}

/** An answer of the running server. */
export interface ServerAnswer {
  readonly status: number;
  /** Its header Date; undefined when it is none. */
  readonly date: Date | undefined;
  readonly body: string;
}

/** A server that a kubeconfig leads to. */
export interface RunningServer {
  readonly url: string;
  /** @throws when it does not answer or is not trusted; the message is for people. */
  get(path: string, signal: AbortSignal): Promise<ServerAnswer>;
}

/** What is there of a ledger. */
export type LedgerState =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly reason: string }
  /** Nothing is known to be wrong with it. */
  | { readonly kind: "unread"; readonly reason: string }
  | { readonly kind: "here"; readonly inspection: LedgerInspection };

/** What checks look at. Everything that is asked for twice is found out once. */
export interface CheckContext {
  readonly configurationFile: string | undefined;
  /** Undefined when it could not be read. */
  readonly configuration: Configuration | undefined;
  readonly configurationError: ConfigurationError | undefined;
  /** What every start says of the configured issuers and signers. */
  readonly issuerWarnings: readonly string[];
  /** False when the configuration cannot be read and nobody named the data directory. */
  readonly isPlaceKnown: boolean;
  readonly dataDirectory: string;
  readonly keysDirectory: string;
  readonly ledgerFile: string;
  readonly clock: Clock;
  readonly system: System;
  /** Undefined when there is none, for the reason given. */
  readonly server: RunningServer | undefined;
  readonly withoutServer: string;
  /** Whether somebody named the server, so that its silence is an error. */
  readonly isServerNamed: boolean;
  readonly isFull: boolean;
  /** Who writes the ledger now. */
  readonly writer: () => WriterState;
  readonly ledger: () => Promise<LedgerState>;
  /** @throws {CustodyError} when there are no keys to open anything with. */
  readonly keys: () => Promise<KeysInspection | undefined>;
}
