import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpuMicroseconds, peakMemoryBytes } from "../process-accounts.ts";

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs it on this core alone, where `taskset` is there to do it. */
  readonly core?: number;
  /** The output that says it is ready; its first group, if any, is kept. */
  readonly ready: RegExp;
  readonly readyWithinMilliseconds?: number;
}

const READY_MILLISECONDS = 30_000;
const STOP_MILLISECONDS = 10_000;
const OUTPUT_KEPT = 8192;

/** Whatever ends this process ends its servers. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server of its own process, with the kernel's accounts of it. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = "";
  #announced = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#exited = once(child, "exit");
  }

  /** Starts it and waits until it says that it is ready. @throws {Error} with what it wrote when it does not. */
  static async start(launch: Launch): Promise<ServerProcess> {
    const { command, args, environment, core } = launch;
    const line = core === undefined ? [command, ...args] : ["taskset", "-c", String(core), command, ...args];
    const child = spawn(line[0] ?? command, line.slice(1), {
      env: { ...process.env, NODE_OPTIONS: "", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const server = new ServerProcess(child);
    await server.#waitUntilReady(launch);
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What the ready pattern's first group matched. */
  get announced(): string {
    return this.#announced;
  }

  /** User and system time of all its threads so far. */
  cpuMicroseconds(): number {
    return cpuMicroseconds(this.pid);
  }

  /** The most memory it ever held at once. */
  peakMemoryBytes(): number {
    return peakMemoryBytes(this.pid);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MILLISECONDS);
    await this.#exited;
    clearTimeout(timer);
  }

  async #waitUntilReady({ ready, command, readyWithinMilliseconds = READY_MILLISECONDS }: Launch): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const failure = await new Promise<string | undefined>((resolve) => {
      timer = setTimeout(() => resolve("it was not ready in time"), readyWithinMilliseconds);
      const take = (text: string): void => {
        this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
        const match = ready.exec(this.#output);
        if (match === null) return;
        this.#announced = match[1] ?? "";
        resolve(undefined);
      };
      this.#child.stdout?.setEncoding("utf8").on("data", take);
      this.#child.stderr?.setEncoding("utf8").on("data", take);
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("exit", (code) => resolve(`it ended with ${code}`));
    });
    clearTimeout(timer);
    if (failure === undefined) return;
    this.#child.kill("SIGKILL");
    throw new Error(`${command}: ${failure}; it wrote:\n${this.#output}`);
  }
}
