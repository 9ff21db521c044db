import type { DoctorFinding, DoctorReport } from "./doctor.ts";
import { formatTable } from "./output.ts";
import { printable } from "./terminal.ts";

const COLOURS: Readonly<Record<DoctorFinding["outcome"], string>> = {
  ok: "\u001b[32m",
  warning: "\u001b[33m",
  error: "\u001b[31m",
  skipped: "\u001b[2m",
};
const PLAIN = "\u001b[0m";

/** A line a finding, and below those that call for something their way out; the count at the end. */
export function describeReport({ checks, summary }: DoctorReport, hasColours: boolean): string {
  const all = checks.flatMap(({ id, findings }) => findings.map((finding) => ({ id, ...finding })));
  const rows = all.map(({ id, outcome, subject, finding }) => [outcome, id, `${subject}: ${finding}`]);
  const [header = "", ...lines] = formatTable([["OUTCOME", "CHECK", "FINDING"], ...rows])
    .trimEnd()
    .split("\n");
  const indent = " ".repeat(header.indexOf("FINDING"));
  const body = all.flatMap(({ outcome, wayOut }, index) => {
    const line = coloured(lines[index] ?? "", outcome, hasColours);
    return wayOut === undefined ? [line] : [line, `${indent}→ ${printable(wayOut)}`];
  });
  const { ok, warning, error, skipped } = summary;
  const counts = `${ok} ok, ${warning} warnings, ${error} errors, ${skipped} skipped`;
  return `${[header, ...body, "", counts].join("\n")}\n`;
}

function coloured(line: string, outcome: DoctorFinding["outcome"], hasColours: boolean): string {
  if (!hasColours) return line;
  return COLOURS[outcome] + outcome + PLAIN + line.slice(outcome.length);
}
