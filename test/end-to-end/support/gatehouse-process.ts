import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const ENTRY = join(ROOT, "dist", "cli", "gatehouse.js");
const NODE_OPTIONS = [
  "--enable-source-maps",
  `--openssl-config=${join(ROOT, "config/openssl/no-session-tickets.cnf")}`,
];
const READY = /^gatehouse ready (https:\/\/\S+)$/;
const START_LIMIT_MILLISECONDS = 30_000;

export interface GatehouseOptions {
  /** What is run; `serve` without it. */
  readonly command?: readonly string[];
  /** Content of the configuration file; none without it. */
  readonly configuration?: string;
  /** A configuration file of the test's own, instead of `configuration`; it may change it later. */
  readonly configurationFile?: string;
  /** Started on what an earlier process left behind; a new directory without it. */
  readonly dataDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** How long it may take to be ready; half a minute without it. */
  readonly startLimitMilliseconds?: number;
}

/** A running server of its own. */
export interface GatehouseProcess {
  readonly url: string;
  readonly dataDirectory: string;
  readonly pid: number;
  readonly caFile: string;
  readonly adminKubeconfig: string;
  readonly bootstrapKubeconfig: string;
  /** Whether it has ended, by itself or otherwise. */
  hasEnded(): boolean;
  /** What it logged so far. */
  log(): string;
  /** Sends the signal and resolves with the exit code, or with the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** Stops it if need be and removes its data. */
  remove(): Promise<void>;
}

/** Starts the built server on a free port and waits until it says that it is ready. */
export async function startGatehouse(options: GatehouseOptions = {}): Promise<GatehouseProcess> {
  const { startLimitMilliseconds = START_LIMIT_MILLISECONDS } = options;
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing; npm test builds it, or run: npm run build`);
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "gatehouse-e2e-"));
  const child = spawn(process.execPath, [...NODE_OPTIONS, ENTRY, ...argumentsOf(options, dataDirectory)], {
    cwd: dataDirectory,
    env: { ...process.env, NODE_OPTIONS: "", ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const logged: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => logged.push(chunk));
  const log = (): string => logged.join("");
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const [code, killedBy] = await ended;
    return code ?? killedBy;
  };
  const url = await readyUrl(createInterface(child.stdout), { ended, log, stop, startLimitMilliseconds });
  return {
    url,
    dataDirectory,
    pid: child.pid ?? 0,
    caFile: join(dataDirectory, "ca.crt"),
    adminKubeconfig: join(dataDirectory, "admin.kubeconfig"),
    bootstrapKubeconfig: join(dataDirectory, "bootstrap.kubeconfig"),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    log,
    stop,
    remove: async () => {
      await stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

function argumentsOf(options: GatehouseOptions, dataDirectory: string): readonly string[] {
  const { command = ["serve"], configuration, configurationFile } = options;
  const fixed = [...command, "--data-dir", dataDirectory, "--listen", "127.0.0.1:0"];
  if (configurationFile !== undefined) return [...fixed, "--config", configurationFile];
  if (configuration === undefined) return fixed;
  const file = join(dataDirectory, "configuration.yaml");
  writeFileSync(file, configuration);
  return [...fixed, "--config", file];
}

interface StartingProcess {
  readonly ended: Promise<unknown>;
  readonly log: () => string;
  readonly stop: (signal: NodeJS.Signals) => Promise<unknown>;
  readonly startLimitMilliseconds: number;
}

async function readyUrl(
  lines: AsyncIterable<string>,
  { ended, log, stop, startLimitMilliseconds }: StartingProcess,
): Promise<string> {
  const announced = (async () => {
    for await (const line of lines) {
      const [, url] = READY.exec(line) ?? [];
      if (url !== undefined) return url;
    }
    return undefined;
  })();
  const limit = AbortSignal.timeout(startLimitMilliseconds);
  const url = await Promise.race([announced, ended.then(() => undefined), once(limit, "abort").then(() => undefined)]);
  if (url !== undefined) return url;
  await stop("SIGKILL");
  throw new Error(`the server did not become ready; it logged:\n${log()}`);
}
