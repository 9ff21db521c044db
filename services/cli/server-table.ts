import type { ServerTable } from "./api-types.ts";
import { columnWidths, formatRows } from "./output.ts";
import type { Sink } from "./terminal.ts";

export function isTable(value: { readonly kind?: string }): value is ServerTable {
  return value.kind === "Table";
}

/**
 * Prints the server's Tables as one that grows: the header once, rows that come later under the columns of the first.
 * Columns of a priority above 0 are for wide output and left out, as kubectl does.
 */
export class TableWriter {
  readonly #sink: Sink;
  #columns: readonly number[] | undefined;
  #widths: readonly number[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  write(table: ServerTable): void {
    const header = this.#columns === undefined ? this.#begin(table) : [];
    const columns = this.#columns ?? [];
    const rows = (table.rows ?? []).map((row) => columns.map((column) => toText(row.cells[column])));
    if (header.length > 0) this.#widths = columnWidths([...header, ...rows]);
    this.#sink.write(formatRows([...header, ...rows], this.#widths));
  }

  #begin(table: ServerTable): readonly (readonly string[])[] {
    const shown = [...(table.columnDefinitions ?? []).entries()].filter(([, { priority }]) => !priority);
    if (shown.length === 0) return [];
    this.#columns = shown.map(([index]) => index);
    return [shown.map(([, { name }]) => name.toUpperCase())];
  }
}

function toText(cell: unknown): string {
  return typeof cell === "string" ? cell : cell === null || cell === undefined ? "" : JSON.stringify(cell);
}
