const GROWTH = 1.5;

/** The same column with room for at least `needed` entries; new entries are 0. */
export function grown<Column extends Int32Array | Uint32Array | Uint8Array | Float64Array>(
  column: Column,
  needed: number,
): Column {
  if (needed <= column.length) return column;
  const larger = new (column.constructor as new (length: number) => Column)(Math.ceil(needed * GROWTH));
  larger.set(column as never);
  return larger;
}

/** An entry of a column that is known to be there: ids are handed out before columns are read. */
export function cell(column: Int32Array | Uint32Array | Uint8Array | Float64Array, index: number): number {
  return column[index] as number;
}
