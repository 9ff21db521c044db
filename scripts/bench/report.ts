import type { Row } from "./bench-context.ts";
import type { Verdict } from "./judge.ts";
import type { Sample } from "./statistics.ts";

/** Explains the letters in the goals' titles. */
export const LEGEND = [
  "L: one P-256 signature and one verification by `openssl speed` (or node:crypto where there is no openssl), one core.",
  "F: server CPU of a bare node:https handshake, GET and close. CPU figures are user and system time of the server process.",
  "Joins: new TLS 1.3 connection (X25519 for every server), POST of a protobuf CSR with a bootstrap token, watch until the",
  "certificate is there, close; every certificate is durable before it is shown. +1 ms, +5 ms: each flush takes that much longer.",
].join("\n");

/** The measurements as lines of text: median, and the range of the rounds where it says something. */
export function measurementTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.label,
    ranged(row.perSecond, 0),
    ranged(row.cpuMicroseconds, 0),
    plain(row.generatorMicroseconds, 0),
    plain(row.p50Milliseconds, 2),
    plain(row.p99Milliseconds, 1),
    row.note ?? "",
  ]);
  return aligned([["", "/s", "CPU µs", "client µs", "p50 ms", "p99 ms", ""], ...cells]);
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const cells = verdicts.map(({ goal, verdict, isStretch, sample, limit, note }) => [
    verdict,
    goal.id,
    goal.title,
    sample === undefined ? "-" : `${ranged(sample, sample.median < 10 ? 2 : 0)} ${goal.unit}`,
    `${sign(goal.direction)} ${goal.required}${limit === undefined || limit === goal.required ? "" : ` (here ${limit})`}`,
    `${sign(goal.direction)} ${goal.stretch}${isStretch ? " *" : ""}`,
    note,
  ]);
  return aligned([["", "goal", "", "measured", "required", "stretch", ""], ...cells]);
}

function sign(direction: "atLeast" | "atMost"): string {
  return direction === "atLeast" ? ">=" : "<=";
}

function plain(sample: Sample | undefined, digits: number): string {
  return sample === undefined ? "" : sample.median.toFixed(digits);
}

function ranged(sample: Sample | undefined, digits: number): string {
  if (sample === undefined) return "";
  const { median, minimum, maximum, count } = sample;
  if (count < 2 || minimum === maximum) return median.toFixed(digits);
  return `${median.toFixed(digits)} (${minimum.toFixed(digits)}-${maximum.toFixed(digits)})`;
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
