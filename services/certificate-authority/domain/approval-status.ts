import type { HookLoad } from "./ports.ts";
import type { ShadowStatus } from "./shadow.ts";

/** One hook, or guard, of the chain in force. */
export interface HookDescription {
  readonly name: string;
  /** What the configuration calls its kind. */
  readonly kind: string;
  readonly required: boolean;
  /** Patterns; undefined for all. */
  readonly signers: readonly string[] | undefined;
  readonly requesters: { readonly users: readonly string[]; readonly groups: readonly string[] } | undefined;
  /** How many people have to approve; undefined when it asks no people. */
  readonly quorum?: number | undefined;
  /** Undefined when it asks nobody outside. */
  readonly load: HookLoad | undefined;
}

/** What has become of the configuration file since the start. */
export interface ConfigurationFileStatus {
  readonly path: string;
  /** Why what it says now is not in force, and since when. */
  readonly problem: { readonly message: string; readonly since: Date } | undefined;
  /** Settings, as paths, that differ from those in force and are taken at a start only. */
  readonly needsRestart: readonly string[];
}

/** Who decides now. */
export interface ApprovalStatus {
  /** When this chain came into force. */
  readonly since: Date;
  /** Settings of the guards, by name. */
  readonly guards: Readonly<Record<string, boolean | number | string>>;
  readonly hooks: readonly HookDescription[];
  /** Undefined when the server runs without one. */
  readonly file: ConfigurationFileStatus | undefined;
}

/** What administrators can ask about the chain. */
export interface ApprovalAdministration {
  status(): ApprovalStatus;
  /** Undefined without a shadow chain. */
  shadow(): ShadowStatus | undefined;
}
