import type { Clock } from "../../../shared/clock.ts";
import type { ExpiryRecords } from "../../domain/expiry-records.ts";
import { createFleetWatch } from "./fleet-watch.ts";
import { type Forecast, type ForecastQuery, forecastExpiry } from "./forecast.ts";
import { countStates, type ExpiryQuery, type ExpiryReport, reportExpiry, type SignerCounts } from "./report.ts";
import type { ExpirySettings } from "./settings.ts";

export interface ExpiryDependencies {
  readonly records: ExpiryRecords;
  readonly settings: ExpirySettings;
  readonly clock: Clock;
}

/** What expires, who will not renew it, and what comes of that. */
export interface Expiry {
  /** Looks at the fleet. */
  scan(): Promise<void>;
  report(query: ExpiryQuery): Promise<ExpiryReport>;
  forecast(query: ForecastQuery): Promise<Forecast>;
  /** How many holders of certificates are in which state now, as of the last look; undefined before the first. */
  counts(): Promise<{ readonly observedAt: Date; readonly signers: readonly SignerCounts[] } | undefined>;
}

export function createExpiry({ records, settings, clock }: ExpiryDependencies): Expiry {
  const watch = createFleetWatch({ records, clock, forgetAfterDays: settings.forgetAfterDays });
  return {
    scan: async () => void (await watch.refresh()),
    report: (query) => reportExpiry(watch, clock, query),
    forecast: (query) => forecastExpiry(watch, clock, query),
    async counts() {
      const fleet = watch.latest();
      return fleet && { observedAt: fleet.observedAt, signers: await countStates(fleet, clock.now()) };
    },
  };
}
