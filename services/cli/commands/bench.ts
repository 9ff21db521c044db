import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { CommandError } from "../command-error.ts";
import { withExamples } from "../options.ts";

/** Three levels up both from the sources and from what is built of them. */
const CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));

/** Runs a program in the foreground and answers its exit code. */
export type RunProgram = (command: string, args: readonly string[], directory: string) => Promise<number>;

export interface BenchmarkPlace {
  readonly checkout: string;
  readonly run: RunProgram;
}

export const benchmarkPlace: BenchmarkPlace = { checkout: CHECKOUT, run: runProgram };

export function addBench(parent: Command, { checkout, run }: BenchmarkPlace): void {
  const command = parent
    .command("bench")
    .summary("measure this machine (in a checkout)")
    .description(
      "Measure signing, joins and queries on this machine. Needs a checkout; all options go to the benchmark.",
    )
    .argument("[options...]", "--quick, --only <rows>, --check")
    .allowUnknownOption()
    .action(async (args: readonly string[]) => {
      const script = `${checkout}scripts/bench/bench.ts`;
      if (!existsSync(script)) {
        throw new CommandError(
          "the benchmark is part of a checkout, and this is an installed gatehouse",
          "Clone the repository and run npm run bench there.",
        );
      }
      const code = await run(process.execPath, ["--enable-source-maps", script, ...args], checkout);
      if (code !== 0)
        throw new CommandError(`the benchmark ended with exit code ${code}`, undefined, { exitCode: code });
    });
  withExamples(command, ["gatehouse bench --quick", "gatehouse bench --only issue,sql"]);
}

async function runProgram(command: string, args: readonly string[], directory: string): Promise<number> {
  const child = spawn(command, args, { cwd: directory, stdio: "inherit" });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal !== null) throw new CommandError(`the benchmark was ended by ${signal}`);
  return code ?? 1;
}
