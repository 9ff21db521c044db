import type { TrustReport } from "../../domain/issuer-rotation.ts";
import type { Connection } from "../connection.ts";
import type { ReportTrust } from "../operations.ts";

interface TrustReportRow {
  readonly consumer: string;
  readonly anchors: string;
  readonly reportedMilliseconds: number;
}

export const trustReportsSql = {
  all:
    "SELECT consumer, anchors, reported_ms AS reportedMilliseconds FROM trust_reports " +
    "JOIN trust_bundles ON trust_bundles.etag = trust_reports.etag WHERE consumer > ?",
  insertBundle: "INSERT INTO trust_bundles (etag, anchors, first_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  insertReport:
    "INSERT INTO trust_reports (consumer, etag, reported_ms) VALUES (?, ?, ?) " +
    "ON CONFLICT (consumer) DO UPDATE SET etag = excluded.etag, reported_ms = excluded.reported_ms",
} as const;

export function trustReportsReader(connection: Connection) {
  const all = connection.prepare<[string], TrustReportRow>(trustReportsSql.all);
  return {
    all(): readonly TrustReport[] {
      const sets = new Map<string, ReadonlySet<string>>();
      return all.all("").map(({ consumer, anchors, reportedMilliseconds }) => {
        const known = sets.get(anchors) ?? new Set(JSON.parse(anchors) as readonly string[]);
        sets.set(anchors, known);
        return { consumer, anchors: known, at: new Date(reportedMilliseconds) };
      });
    },
  };
}

export function trustReportsWriter(connection: Connection) {
  const insertBundle = connection.prepare(trustReportsSql.insertBundle);
  const insertReport = connection.prepare(trustReportsSql.insertReport);
  return {
    /** A consumer's report takes the place of the one before. */
    report({ etag, anchors, consumer, atMilliseconds }: ReportTrust): void {
      insertBundle.run(etag, anchors, atMilliseconds);
      insertReport.run(consumer, etag, atMilliseconds);
    },
  };
}
