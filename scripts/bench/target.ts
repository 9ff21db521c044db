import type { Bench, Row } from "./bench-context.ts";
import type { LoadJob, LoadResult } from "./load/contract.ts";
import type { ServerProcess } from "./servers/server-process.ts";
import { sampleOf } from "./statistics.ts";

type Work = Pick<LoadJob, "pattern" | "url" | "caPem" | "concurrency" | "checkEvery"> & Pick<Partial<LoadJob>, "token">;

/** How long, or how much; `concurrency` in place of the target's own. */
export type Extent = Pick<LoadJob, "seconds" | "count"> & Partial<Pick<LoadJob, "concurrency">>;

/** Which of the prepared requests a server has seen: it gets none of them twice, whatever asks it. */
export interface Numbering {
  next: number;
}

/** One turn of one server. */
export interface Turn extends LoadResult {
  /** User and system time of the server for each piece of work. */
  readonly serverMicroseconds: number;
}

/** A server under a load, with what its turns have shown. */
export class Target {
  readonly label: string;
  readonly process: ServerProcess;
  readonly #work: Work;
  readonly #numbering: Numbering;
  readonly turns: Turn[] = [];
  /** Work done in all turns, warm-up included: what its records must account for. */
  completed = 0;
  failed = 0;
  readonly errors: string[] = [];

  /** @param numbering - shared by the targets of one server. */
  constructor(label: string, process: ServerProcess, work: Work, numbering: Numbering = { next: 0 }) {
    this.label = label;
    this.process = process;
    this.#work = work;
    this.#numbering = numbering;
  }

  /** A turn that counts. */
  async turn(bench: Bench, extent: Extent = { seconds: bench.turnSeconds }): Promise<Turn> {
    const turn = await this.warmUp(bench, extent);
    this.turns.push(turn);
    return turn;
  }

  /** A turn that does not count: code is compiled and pages are touched in it. */
  async warmUp(bench: Bench, extent: Extent = bench.warmUp): Promise<Turn> {
    const before = this.process.cpuMicroseconds();
    const result = await bench.load.run({ ...this.#work, firstRequest: this.#numbering.next, ...extent });
    this.#numbering.next += result.completed + result.failed;
    const serverMicroseconds = (this.process.cpuMicroseconds() - before) / result.completed;
    this.completed += result.completed;
    this.failed += result.failed;
    this.errors.push(...result.errors);
    return { ...result, serverMicroseconds };
  }

  /** One number of each turn. */
  series(pick: (turn: Turn) => number): readonly number[] {
    return this.turns.map(pick);
  }

  get perSecond(): readonly number[] {
    return this.series((turn) => turn.perSecond);
  }

  get serverMicroseconds(): readonly number[] {
    return this.series((turn) => turn.serverMicroseconds);
  }

  row(): Row {
    const note = this.failed > 0 ? `${this.failed} failed: ${this.errors[0]}` : "";
    return {
      label: this.label,
      perSecond: sampleOf(this.perSecond),
      cpuMicroseconds: sampleOf(this.serverMicroseconds),
      generatorMicroseconds: sampleOf(this.series((turn) => turn.cpuMicroseconds / turn.completed)),
      p50Milliseconds: sampleOf(this.series((turn) => turn.p50Milliseconds)),
      p99Milliseconds: sampleOf(this.series((turn) => turn.p99Milliseconds)),
      ...(note !== "" && { note }),
    };
  }
}
