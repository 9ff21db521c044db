import type { Expiry } from "../../services/certificate-authority/rotation/expiry/expiry.ts";
import type { Forecast, ForecastQuery } from "../../services/certificate-authority/rotation/expiry/forecast.ts";
import type { ExpiryQuery, ExpiryReport } from "../../services/certificate-authority/rotation/expiry/report.ts";

/** Answers what tests set, and remembers what it was asked. */
export class FakeFleetExpiry implements Pick<Expiry, "report" | "forecast"> {
  readonly asked: (ExpiryQuery | ForecastQuery)[] = [];
  reports: ExpiryReport;
  forecasts: Forecast;

  constructor(now: Date) {
    const nothing = { observedAt: now, items: [], continueToken: undefined };
    this.reports = { ...nothing, isCut: false, signers: [] };
    this.forecasts = {
      ...nothing,
      from: now,
      until: now,
      bucketSeconds: 1,
      buckets: [],
      nodes: 0,
      leaving: 0,
      lost: 0,
    };
  }

  async report(query: ExpiryQuery): Promise<ExpiryReport> {
    this.asked.push(query);
    return this.reports;
  }

  async forecast(query: ForecastQuery): Promise<Forecast> {
    this.asked.push(query);
    return this.forecasts;
  }
}
