import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { LoadJob, LoadResult, MessageFromGenerator, MessageToGenerator } from "./contract.ts";

/** The benchmark's end of the load generator. One job at a time. */
export class LoadClient {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<LoadClient> {
    const child = fork(new URL("./generator.ts", import.meta.url), {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    await once(child, "message");
    return new LoadClient(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws {Error} when the job could not be begun, or the generator died. Failures of single clients are counted. */
  async run(job: LoadJob): Promise<LoadResult> {
    const child = this.#child;
    child.send({ kind: "run", job } satisfies MessageToGenerator);
    const died = new AbortController();
    const message = await Promise.race([
      once(child, "message", { signal: died.signal }).then(([received]) => received as MessageFromGenerator),
      once(child, "exit", { signal: died.signal }).then(([code]) => {
        throw new Error(`the load generator ended with ${code}`);
      }),
    ]).finally(() => died.abort());
    if (message.kind === "result") return message.result;
    throw new Error(message.kind === "failed" ? message.message : "the load generator answered out of turn");
  }

  stop(): void {
    this.#child.disconnect();
  }
}
