import { stringify } from "yaml";
import { printable, type Sink } from "./terminal.ts";

export const FORMATS = ["table", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

const GAP = "   ";

/** Columns padded to their widest cell, without trailing blanks; the first row is the header. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  return formatRows(rows, columnWidths(rows));
}

export function columnWidths(rows: readonly (readonly string[])[]): readonly number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ""))));
}

/** Rows for columns of known width, as a table that grows needs them; a wider cell pushes its own row only. */
export function formatRows(rows: readonly (readonly string[])[], widths: readonly number[]): string {
  return rows.map((row) => `${formatRow(row, widths)}\n`).join("");
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const text = printable(cell);
    return text + " ".repeat(Math.max(0, (widths[column] ?? 0) - charactersIn(text)));
  });
  return cells.join(GAP).trimEnd();
}

function widthOf(cell: string): number {
  return charactersIn(printable(cell));
}

function charactersIn(text: string): number {
  return Array.from(text).length;
}

/** `Key:   value` lines for one object; a value with several entries takes a line for each, an empty one says `<none>`. */
export function formatFields(fields: readonly (readonly [string, string | readonly string[]])[]): string {
  const rows = fields.flatMap(([name, value]) => {
    const lines = typeof value === "string" ? [value] : value;
    const shown = lines.filter((line) => line !== "");
    if (shown.length === 0) return [[`${name}:`, "<none>"]];
    return shown.map((line, index) => [index === 0 ? `${name}:` : "", line]);
  });
  return formatTable(rows);
}

/** Writes an object as JSON or YAML; `table` is called for the table only, so that it may ask for more. */
export function writeObject(sink: Sink, format: Format, value: unknown, table: () => string): void {
  sink.write(format === "table" ? table() : serialize(format, value));
}

export function serialize(format: Exclude<Format, "table">, value: unknown): string {
  return format === "json" ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}
