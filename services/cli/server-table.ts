import type { ServerTable } from "./api-types.ts";
import { columnWidths, formatRows } from "./output.ts";
import type { Sink } from "./terminal.ts";

export function isTable(value: { readonly kind?: string }): value is ServerTable {
  return value.kind === "Table";
}

/**
 * Prints the server's Tables as one that grows: the header with the first rows, rows that come later under their
 * columns. Columns of a priority above 0 are for wide output and left out, as kubectl does.
 */
export class TableWriter {
  readonly #sink: Sink;
  #columns: readonly { readonly index: number; readonly name: string }[] = [];
  #widths: readonly number[] | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  write({ columnDefinitions, rows }: ServerTable): void {
    if (columnDefinitions?.length) {
      const columns = columnDefinitions.map(({ name, priority }, index) => ({ index, name, priority }));
      this.#columns = columns.filter(({ priority }) => !priority);
    }
    const lines = (rows ?? []).map(({ cells }) => this.#columns.map(({ index }) => toText(cells[index])));
    if (lines.length === 0) return;
    if (this.#widths === undefined) {
      lines.unshift(this.#columns.map(({ name }) => name.toUpperCase()));
      this.#widths = columnWidths(lines);
    }
    this.#sink.write(formatRows(lines, this.#widths));
  }
}

function toText(cell: unknown): string {
  return typeof cell === "string" ? cell : cell === null || cell === undefined ? "" : JSON.stringify(cell);
}
