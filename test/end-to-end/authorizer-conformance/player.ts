/** What both answered to one row. */
export interface Outcome {
  readonly name: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Rows that are played at the same time. */
const LANES = 16;

/** Plays rows and keeps the outcomes that differ, in the order of the rows; `seen` is what the other side answered. */
export async function play<Row>(
  rows: readonly Row[],
  outcomeOf: (row: Row) => Promise<Outcome>,
): Promise<{ readonly differences: readonly Outcome[]; readonly seen: ReadonlySet<string> }> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < rows.length; index = next++) {
      const row = rows[index];
      if (row !== undefined) outcomes[index] = await outcomeOf(row);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const differences = outcomes.filter(({ ours, theirs }) => ours !== theirs);
  return { differences, seen: new Set(outcomes.map(({ theirs }) => theirs)) };
}
