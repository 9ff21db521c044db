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

/** What a cell is found by; no label value has a line break. */
const SEPARATOR = "\n";

/** How often each combination of label values occurred. */
export class Counts implements Tally {
  readonly #options: TallyOptions;
  readonly #cells = new Map<string, { value: number }>();

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  /** @param values - in the order of `labelNames`. */
  add(...values: readonly string[]): void {
    const key = keyOf(values);
    const cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, { value: 1 });
    else cell.value += 1;
  }

  text(): string {
    const { name, labelNames } = this.#options;
    const lines = [...this.#cells].map(([key, { value }]) => `${name}{${labelsOf(labelNames, key)}} ${value}\n`);
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
  readonly #cells = new Map<string, Distribution>();

  /** @param upperBounds - inclusive, ascending. */
  constructor(options: TallyOptions, upperBounds: readonly number[]) {
    this.#options = options;
    this.#upperBounds = upperBounds;
  }

  /** @param values - in the order of `labelNames`. */
  observe(value: number, ...values: readonly string[]): void {
    const cell = this.#cellOf(keyOf(values));
    const bounds = this.#upperBounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    cell.counts[at] = (cell.counts[at] ?? 0) + 1;
    cell.sum += value;
  }

  #cellOf(key: string): Distribution {
    const known = this.#cells.get(key);
    if (known !== undefined) return known;
    const made = { counts: new Array<number>(this.#upperBounds.length + 1).fill(0), sum: 0 };
    this.#cells.set(key, made);
    return made;
  }

  text(): string {
    const lines = [...this.#cells].flatMap(([key, distribution]) => this.#linesOf(key, distribution));
    return headOf(this.#options, "histogram") + lines.join("");
  }

  #linesOf(key: string, { counts, sum }: Distribution): readonly string[] {
    const { name, labelNames } = this.#options;
    const labels = labelsOf(labelNames, key);
    let count = 0;
    const buckets = [...this.#upperBounds, "+Inf"].map((bound, index) => {
      count += counts[index] ?? 0;
      return `${name}_bucket{le="${bound}",${labels}} ${count}\n`;
    });
    return [...buckets, `${name}_sum{${labels}} ${sum}\n`, `${name}_count{${labels}} ${count}\n`];
  }
}

function keyOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? "") : values.join(SEPARATOR);
}

function labelsOf(names: readonly string[], key: string): string {
  const values = key.split(SEPARATOR);
  return names.map((name, index) => `${name}="${escaped(values[index] ?? "")}"`).join(",");
}

function escaped(value: string): string {
  return value.replaceAll(/["\\]/g, String.raw`\$&`);
}

function headOf({ name, help }: TallyOptions, type: "counter" | "histogram"): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
