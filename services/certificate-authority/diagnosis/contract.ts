import type { Clock } from "../../shared/clock.ts";
import type { Check as AnyCheck } from "../../shared/diagnosis/run-checks.ts";
import type { Configuration, ConfigurationError } from "../configuration.ts";
import type { KeysInspection } from "../custody/inspect-keys.ts";
import type { LedgerInspection, WriterState } from "../ledger/inspect-ledger.ts";
import type { System } from "./system.ts";

/** A check of the server's configuration and data. */
export interface Check extends AnyCheck<CheckContext> {
  /** Makes sense even when it is not known where the server keeps anything. */
  readonly isIndependent?: boolean;
  /** Not limited in time when everything is to be read (`--full`). */
  readonly isSlow?: boolean;
  /** Looks at a cluster, and is left out unless one is named or the check is asked for. */
  readonly needsCluster?: boolean;
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

/** An answer of a cluster's API server, whatever it says. */
export interface ClusterAnswer {
  readonly status: number;
  /** Why it refused; empty when it did not. */
  readonly message: string;
  /** What it answered, from JSON; undefined when it refused. */
  readonly body: unknown;
}

/** The cluster that `gatehouse controller` works for. */
export interface ExaminedCluster {
  /** How it is called, for people. */
  readonly place: string;
  /** The controller, where somebody else asks; undefined when the kubeconfig is the controller's own. */
  readonly controllerUser: string | undefined;
  /** Nothing is changed by what is asked: POST is for reviews alone. @throws when there is no answer. */
  ask(method: "GET" | "POST", pathAndQuery: string, body?: object): Promise<ClusterAnswer>;
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
  /** Undefined when none was named. */
  readonly cluster: ExaminedCluster | undefined;
  readonly isFull: boolean;
  /** Who writes the ledger now. */
  readonly writer: () => WriterState;
  readonly ledger: () => Promise<LedgerState>;
  /** @throws {CustodyError} when there are no keys to open anything with. */
  readonly keys: () => Promise<KeysInspection | undefined>;
}
