import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { ExpiryRecords } from "../../domain/expiry-records.ts";
import { createDelivery } from "./delivery.ts";
import { createFleetWatch } from "./fleet-watch.ts";
import { type Forecast, type ForecastQuery, forecastExpiry } from "./forecast.ts";
import { createNotifier, type Noted } from "./notifier.ts";
import { countStates, type ExpiryQuery, type ExpiryReport, reportExpiry, type SignerCounts } from "./report.ts";
import type { ExpirySettings } from "./settings.ts";
import { createTarget } from "./targets.ts";

export interface ExpiryDependencies {
  readonly records: ExpiryRecords;
  readonly settings: ExpirySettings;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "debug" | "info" | "warn" | "error">;
  /** Told of every message to a target of notifications. */
  readonly observe: (target: string, outcome: "delivered" | "failed", notices: number) => void;
}

/** How many holders of certificates are in which state. */
export interface ExpiryCounts {
  readonly observedAt: Date;
  readonly signers: readonly SignerCounts[];
  /** Notices that targets have not taken yet. */
  readonly waiting: number;
}

/** What expires, who will not renew it, who is told, and what comes of that. */
export interface Expiry {
  /**
   * Looks at the fleet, and has targets told what there is to say; does not wait for them.
   * @param isTrial - nobody is told.
   * @returns what there was to say.
   */
  scan(isTrial?: boolean): Promise<Noted>;
  report(query: ExpiryQuery): Promise<ExpiryReport>;
  forecast(query: ForecastQuery): Promise<Forecast>;
  /** As of the last look; undefined before the first. */
  counts(): Promise<ExpiryCounts | undefined>;
  /** Tells nobody any more. */
  close(): Promise<void>;
}

/** @throws {HookSetupError} when a target of notifications cannot be told as it is configured. */
export function createExpiry({ records, settings, clock, logger, observe }: ExpiryDependencies): Expiry {
  const { forgetAfterDays, notifications } = settings;
  const watch = createFleetWatch({ records, clock, forgetAfterDays });
  const notifier = createNotifier({ records, targets: notifications, forgetAfterDays });
  const targets = notifications.map((target) => createTarget(target, logger));
  const delivery = createDelivery({ records, targets, logger, observe });
  return {
    async scan(isTrial = false) {
      const fleet = await watch.refresh();
      if (targets.length === 0) return { states: {}, names: [] };
      const noted = await notifier.note(fleet, clock.now(), isTrial);
      if (!isTrial) void delivery.deliver();
      return noted;
    },
    report: (query) => reportExpiry(watch, clock, query),
    forecast: (query) => forecastExpiry(watch, clock, query),
    async counts() {
      const fleet = watch.latest();
      if (fleet === undefined) return undefined;
      const [signers, waiting] = [await countStates(fleet, clock.now()), await records.countWaiting()];
      return { observedAt: fleet.observedAt, signers, waiting };
    },
    close: () => delivery.close(),
  };
}
