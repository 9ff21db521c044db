/**
 * Counters and histograms that are counted on every request. prom-client makes a text of each observation's labels and
 * bucket, which costs more than all else that is done for a metric; these look both up.
 *
 * Source: Prometheus' exposition formats, text format 0.0.4.
 */
export interface Tally {
  /** The metric as a scrape shows it, ended by a line break. */
  text(): string;
}

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  /** Must take few values: every combination that occurs is kept for ever. */
  readonly labelNames: readonly string[];
}

/** What is counted for each combination of label values, by one map a label: to join them would make a text of each observation. */
class Cells<Cell> {
  readonly #make: () => Cell;
  readonly #root: Branch<Cell> = { cell: undefined, branches: new Map() };

  constructor(make: () => Cell) {
    this.#make = make;
  }

  of(values: readonly string[]): Cell {
    let branch = this.#root;
    for (const value of values) {
      let next = branch.branches.get(value);
      if (next === undefined) {
        next = { cell: undefined, branches: new Map() };
        branch.branches.set(value, next);
      }
      branch = next;
    }
    branch.cell ??= this.#make();
    return branch.cell;
  }

  /** Each with its label values, in the order of their first mention. */
  entries(): Iterable<readonly [values: readonly string[], cell: Cell]> {
    return entriesOf(this.#root, []);
  }
}

interface Branch<Cell> {
  cell: Cell | undefined;
  readonly branches: Map<string, Branch<Cell>>;
}

function* entriesOf<Cell>(
  { cell, branches }: Branch<Cell>,
  values: readonly string[],
): Generator<readonly [readonly string[], Cell]> {
  if (cell !== undefined) yield [values, cell];
  for (const [value, branch] of branches) yield* entriesOf(branch, [...values, value]);
}

/** How often each combination of label values occurred. */
export class Counts implements Tally {
  readonly #options: TallyOptions;
  readonly #cells = new Cells(() => ({ value: 0 }));

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  /** @param values - in the order of `labelNames`. */
  add(...values: readonly string[]): void {
    this.#cells.of(values).value += 1;
  }

  text(): string {
    const { name, labelNames } = this.#options;
    const lines = Array.from(
      this.#cells.entries(),
      ([values, { value }]) => `${name}{${labelsOf(labelNames, values)}} ${value}\n`,
    );
    return headOf(this.#options, "counter") + lines.join("");
  }
}

interface Distribution {
  /** By upper bound; the last one is for what is above all bounds. */
  readonly counts: number[];
  sum: number;
}

/** How values are distributed over buckets, for each combination of label values. */
export class Distributions implements Tally {
  readonly #options: TallyOptions;
  readonly #upperBounds: readonly number[];
  readonly #cells: Cells<Distribution>;

  /** @param upperBounds - inclusive, ascending. */
  constructor(options: TallyOptions, upperBounds: readonly number[]) {
    this.#options = options;
    this.#upperBounds = upperBounds;
    this.#cells = new Cells(() => ({ counts: new Array<number>(upperBounds.length + 1).fill(0), sum: 0 }));
  }

  /** @param values - in the order of `labelNames`. */
  observe(value: number, ...values: readonly string[]): void {
    const cell = this.#cells.of(values);
    const bounds = this.#upperBounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    cell.counts[at] = (cell.counts[at] ?? 0) + 1;
    cell.sum += value;
  }

  text(): string {
    const lines = Array.from(this.#cells.entries(), ([values, distribution]) =>
      this.#linesOf(values, distribution),
    ).flat();
    return headOf(this.#options, "histogram") + lines.join("");
  }

  #linesOf(values: readonly string[], { counts, sum }: Distribution): readonly string[] {
    const { name, labelNames } = this.#options;
    const labels = labelsOf(labelNames, values);
    let count = 0;
    const buckets = [...this.#upperBounds, "+Inf"].map((bound, index) => {
      count += counts[index] ?? 0;
      return `${name}_bucket{le="${bound}",${labels}} ${count}\n`;
    });
    return [...buckets, `${name}_sum{${labels}} ${sum}\n`, `${name}_count{${labels}} ${count}\n`];
  }
}

function labelsOf(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escaped(values[index] ?? "")}"`).join(",");
}

function escaped(value: string): string {
  return value.replaceAll(/["\\]/g, String.raw`\$&`);
}

function headOf({ name, help }: TallyOptions, type: "counter" | "histogram"): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
