import type { Configuration } from "../configuration.ts";
import type { CheckContext, Finding } from "./contract.ts";

export function ok(subject: string, finding: string): Finding {
  return { outcome: "ok", subject, finding };
}

export function warning(subject: string, finding: string, wayOut: string): Finding {
  return { outcome: "warning", subject, finding, wayOut };
}

export function error(subject: string, finding: string, wayOut: string): Finding {
  return { outcome: "error", subject, finding, wayOut };
}

export function skipped(subject: string, reason: string, wayOut?: string): Finding {
  return { outcome: "skipped", subject, finding: reason, ...(wayOut !== undefined && { wayOut }) };
}

/** Runs a check on the configuration; without one that can be read there is nothing to look at. */
export function withConfiguration(
  context: CheckContext,
  subject: string,
  check: (configuration: Configuration) => Promise<readonly Finding[]> | readonly Finding[],
): Promise<readonly Finding[]> | readonly Finding[] {
  const { configuration } = context;
  return configuration === undefined
    ? [skipped(subject, "the configuration cannot be used; see configuration.file")]
    : check(configuration);
}

/** The message of whatever was thrown, on one line for a table. */
export function messageOf(thrown: unknown): string {
  const { message } = Object(thrown) as { message?: unknown };
  return (typeof message === "string" ? message : String(thrown)).replaceAll(/\s*\n\s*/g, "; ");
}

const DAY_MILLISECONDS = 86_400_000;

/** Whole days from one instant to another, rounded down. */
export function daysBetween(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / DAY_MILLISECONDS);
}

/** `in 12 days`, `today`, `3 days ago`. */
export function inDays(days: number): string {
  if (days === 0) return "today";
  const count = Math.abs(days) === 1 ? "1 day" : `${Math.abs(days)} days`;
  return days > 0 ? `in ${count}` : `${count} ago`;
}

export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
