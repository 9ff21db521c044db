import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";

/** What every authenticator is built with. */
export interface CommonParts {
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** Has something done every few seconds; it must not throw. */
  readonly everyFewSeconds: (upkeep: () => void) => void;
}
