// The load generator: a process of its own, so that its work and the server's can be told apart.

import { percentile } from "../statistics.ts";
import { certificateChecker } from "./check-certificate.ts";
import type { LoadJob, LoadResult, MessageFromGenerator, MessageToGenerator } from "./contract.ts";
import { type Client, type Crowd, crowdFor, fingerprintOf } from "./patterns.ts";
import { RequestPool } from "./request-pool.ts";
import { SteadyWindow } from "./steady-window.ts";

/** More than any server is asked for in a run, so that every join is a new node's, as in a storm. */
const PREPARED_REQUESTS = 40_000;
/** More than any server answers. */
const MOST_PER_SECOND = 4_000;
const ERRORS_KEPT = 3;

// Node's own key functions throw and catch an error inside for each key that is not a KeyObject; its stack trace would
// cost more than the key exchange.
Error.stackTraceLimit = 0;

const pool = new RequestPool();

function send(message: MessageFromGenerator): void {
  process.send?.(message);
}

async function run(job: LoadJob): Promise<LoadResult> {
  const most = job.count ?? Math.ceil((job.seconds ?? 0) * MOST_PER_SECOND);
  pool.prepare(Math.min(PREPARED_REQUESTS, job.firstRequest + most));
  pool.prepare(job.count ?? 0);
  const crowd = await crowdFor(job);
  try {
    return await new Run(job, crowd).done();
  } finally {
    crowd.close();
  }
}

/** One job being done. */
class Run {
  readonly #job: LoadJob;
  readonly #crowd: Crowd;
  readonly #check: ReturnType<typeof certificateChecker>;
  readonly #milliseconds: number[] = [];
  readonly #fingerprints: string[] = [];
  readonly #errors: string[] = [];
  #begun = 0;
  #failed = 0;
  #checked = 0;
  #stopped = false;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(job: LoadJob, crowd: Crowd) {
    this.#job = job;
    this.#crowd = crowd;
    this.#check = certificateChecker(job.caPem);
  }

  async done(): Promise<LoadResult> {
    const { concurrency, seconds, count } = this.#job;
    const clients = await Promise.all(Array.from({ length: concurrency }, () => this.#crowd.client()));
    const cpuBefore = process.cpuUsage();
    const started = performance.now();
    const window = new SteadyWindow(concurrency, started);
    if (seconds !== undefined) this.#deadline = started + seconds * 1000;
    await Promise.all(clients.map((client) => this.#keepBusy(client, window)));
    const wallSeconds = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    for (const client of clients) client.close();
    return {
      completed: this.#milliseconds.length,
      perSecond:
        seconds === undefined || count !== undefined
          ? this.#milliseconds.length / wallSeconds
          : window.perSecond(this.#deadline),
      ...{ failed: this.#failed, errors: this.#errors, wallSeconds, cpuMicroseconds: cpu.user + cpu.system },
      p50Milliseconds: percentile(this.#milliseconds, 50),
      p99Milliseconds: percentile(this.#milliseconds, 99),
      ...{ checked: this.#checked, fingerprints: this.#fingerprints },
    };
  }

  async #keepBusy(client: Client, window: SteadyWindow): Promise<void> {
    const { count = Number.POSITIVE_INFINITY } = this.#job;
    while (!this.#stopped && this.#begun < count && performance.now() < this.#deadline) {
      const number = this.#begun++;
      try {
        await this.#one(client, number, window);
      } catch (error) {
        this.#failed += 1;
        if (this.#errors.length < ERRORS_KEPT)
          this.#errors.push(error instanceof Error ? error.message : String(error));
        if (this.#job.stopAtError) this.#stopped = true;
        // A kept-alive client whose connection is gone cannot go on.
        else if (this.#failed > this.#job.concurrency) this.#stopped = true;
      }
    }
  }

  async #one(client: Client, number: number, window: SteadyWindow): Promise<void> {
    const { firstRequest, checkEvery, collectFingerprints } = this.#job;
    const request = pool.at(firstRequest + number);
    const started = performance.now();
    const pem = await client.work(request);
    const ended = performance.now();
    this.#milliseconds.push(ended - started);
    if (ended <= this.#deadline) window.note(ended);
    if (checkEvery > 0 && number % checkEvery === 0 && pem !== "") {
      this.#check(pem, request);
      this.#checked += 1;
    }
    if (collectFingerprints) this.#fingerprints.push(fingerprintOf(pem));
  }
}

process.on("message", ({ job }: MessageToGenerator) => {
  run(job).then(
    (result) => send({ kind: "result", result }),
    (error: unknown) => send({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
send({ kind: "ready" });
