import type { Evidence } from "./judge.ts";
import type { LoadClient } from "./load/load-client.ts";
import type { BenchOptions } from "./options.ts";
import type { TestAuthority } from "./servers/test-authority.ts";
import type { SlowDisk } from "./slow-disk.ts";
import type { Sample } from "./statistics.ts";

/** What every part of the benchmark works with. */
export interface Bench {
  readonly options: BenchOptions;
  readonly load: LoadClient;
  /** CA and serving certificate of the peers. */
  readonly authority: TestAuthority;
  readonly tools: Tools;
  /** Removed at the end. */
  readonly directory: string;
  /** How often A and B take turns. */
  readonly rounds: number;
  /** How long one turn takes. */
  readonly turnSeconds: number;
  /** How much work, and how many seconds at most, each server gets before it counts. */
  readonly warmUp: { readonly count: number; readonly seconds: number };
  /** Tells whoever waits what is going on. */
  readonly say: (text: string) => void;
}

/** Files of programs that may or may not be there. */
export interface Tools {
  readonly openssl: string | undefined;
  readonly cfssl: string | undefined;
  readonly taskset: string | undefined;
  readonly slowDisk: SlowDisk | undefined;
}

/** One line of the table of measurements. */
export interface Row {
  readonly label: string;
  readonly perSecond?: Sample;
  /** CPU time of the measured process for one piece of work. */
  readonly cpuMicroseconds?: Sample;
  /** CPU time of the load generator for the same. */
  readonly generatorMicroseconds?: Sample;
  readonly p50Milliseconds?: Sample;
  readonly p99Milliseconds?: Sample;
  readonly note?: string;
}

export interface PartResult {
  readonly rows: readonly Row[];
  /** By goal. */
  readonly evidence: Readonly<Record<string, Evidence>>;
  /** CPU µs of the TLS floor in each round, for the judgement of the machine. */
  readonly floor?: readonly number[];
}

export function measured(rounds: readonly number[], note?: string): Evidence {
  return { kind: "measured", rounds, ...(note !== undefined && { note }) };
}

export function skipped(reason: string): Evidence {
  return { kind: "skipped", reason };
}

/** What has to be ended when a part ends, however it ends; in the reverse order of `add`. */
export class Resources {
  readonly #ends: (() => Promise<void> | void)[] = [];

  add(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
