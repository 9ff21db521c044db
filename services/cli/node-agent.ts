import { type Command, Option } from "commander";
import { CommandError, messageOf } from "./command-error.ts";
import type { Doctor, DoctorReport } from "./doctor.ts";
import { parseSeconds } from "./options.ts";
import { printable } from "./terminal.ts";

export type {
  Admission,
  EvidenceSource,
  JoinOptions,
  JoinOutcome,
  RenewalOptions,
  RenewalOutcome,
  RunOptions,
} from "../node-agent/main.ts";

/** The node agent's main module; what it rejects with is an AgentError. */
export type NodeAgent = typeof import("../node-agent/main.ts");

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
const DEFAULT_WAIT_SECONDS = 300;
const DEFAULT_RETRY_SECONDS = 120;

/** How patient a run is, in whole seconds, and what it logs. */
export interface AgentOptions {
  readonly wait: number;
  readonly retry: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** The options that every command has which runs the agent. */
export function withAgent(command: Command): Command {
  return command
    .addOption(
      new Option("--wait <duration>", "how long to wait for approval")
        .argParser(parseSeconds)
        .default(DEFAULT_WAIT_SECONDS, "5m"),
    )
    .addOption(
      new Option("--retry <duration>", "how long to try an unreachable server")
        .argParser(parseSeconds)
        .default(DEFAULT_RETRY_SECONDS, "2m"),
    )
    .addOption(new Option("--log-level <level>", "what to log").choices([...LOG_LEVELS]).default("info"));
}

export interface NodeDoctorSettings {
  readonly nodeName?: string;
  readonly kubeconfig?: string;
  readonly bootstrapKubeconfig?: string;
  readonly certificateDirectory?: string;
  readonly kubeletConfig?: string;
  readonly only?: readonly string[];
  readonly isOffline: boolean;
  readonly timeoutSeconds: number;
}

/** What `doctor --node` uses of the node agent's doctor. */
export interface NodeDoctor {
  readonly CHECK_TITLES: Doctor["CHECK_TITLES"];
  readonly diagnoseNode: (settings: NodeDoctorSettings) => Promise<DoctorReport>;
}

/** Loads the code of the checks of nodes. */
export const loadNodeDoctor = (): Promise<NodeDoctor> => import("../node-agent/doctor.ts");

/** Loads the agent's code, which other commands never need. */
export type LoadNodeAgent = () => Promise<NodeAgent>;

export const loadNodeAgent: LoadNodeAgent = () => import("../node-agent/main.ts");

/** By what an AgentError calls its failure; 1 is for everything else. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  ...{ unusable: 1, refused: 1, wrongAnswer: 1 },
  ...{ pending: 3, denied: 4, unreachable: 5, untrusted: 5, reload: 6 },
};

/**
 * What the agent rejected with, as the command tells it. By shape: the agent is not loaded here.
 *
 * @param stopped - what to say when it was stopped.
 */
function agentFailure(error: unknown, stopped: string): unknown {
  const { name, failure, hint } = Object(error) as Readonly<Record<"name" | "failure" | "hint", unknown>>;
  if (name === "AbortError") return new CommandError(stopped);
  if (name !== "AgentError" || typeof failure !== "string") return error;
  const wayOut = typeof hint === "string" ? printable(hint) : undefined;
  return new CommandError(printable(messageOf(error)), wayOut, { cause: error, exitCode: EXIT_CODES[failure] ?? 1 });
}

/** Runs the agent's work until it is done, or the process is told to stop. @throws {CommandError} */
export async function runAgent<T>(stopped: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  process.once("SIGTERM", stop).once("SIGINT", stop);
  try {
    return await work(ending.signal);
  } catch (error) {
    throw agentFailure(error, stopped);
  } finally {
    process.off("SIGTERM", stop).off("SIGINT", stop);
  }
}
