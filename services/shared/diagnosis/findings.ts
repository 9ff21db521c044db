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
