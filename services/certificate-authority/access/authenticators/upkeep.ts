import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";

/** Something that changes while we run: files, and keys that are fetched. */
export interface Upkeep {
  /** Takes what has changed. Never throws. */
  maintain(): void;
  /** What it would take now, by the names of files and issuers. */
  due(): readonly string[];
}

/** What every authenticator is built with. */
export interface CommonParts {
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** Has something looked after every few seconds. */
  readonly everyFewSeconds: (upkeep: Upkeep) => void;
}
