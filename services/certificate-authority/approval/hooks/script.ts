import type { Logger } from "../../../shared/logging.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { type Limits, limited } from "../limited.ts";
import { type Asked, type OutsideAnswer, parseOutsideJson, toVerdict, verdictOf } from "./outside-answer.ts";
import { followedFilesOf } from "./script/program-files.ts";
import { resolveProgram } from "./script/resolve-program.ts";
import { createRunner, type Runner } from "./script/runner.ts";
import type { RunEnd } from "./script/runner-messages.ts";
import type { ScriptSettings } from "./script-settings.ts";

/**
 * What a program may end with instead of writing a decision. The numbers mean nothing to shells, interpreters, sysexits.h,
 * curl or ssh, so that no program answers by failing.
 */
const EXIT_CODES: Readonly<Record<number, OutsideAnswer["decision"]>> = {
  114: "approve",
  115: "deny",
  116: "noOpinion",
  117: "skip",
};

const COMPLAINTS_APART_MILLISECONDS = 10_000;

export interface ScriptHookOptions {
  readonly runner: Runner;
  readonly mode: ScriptSettings["mode"];
  readonly logger: Pick<Logger, "debug" | "warn">;
}

/**
 * Asks a program: the review document on its standard input, the decision as one JSON object on its standard output, or
 * one of a few exit codes. Whatever else it does is no answer.
 */
export function scriptHook({ runner, mode, logger }: ScriptHookOptions): ApprovalHook {
  let complainedAt = Number.NEGATIVE_INFINITY;

  /** A storm of failures is one line in ten seconds, unless all lines are wanted. */
  function complain(problem: string, complaint: string): void {
    const isDue = performance.now() - complainedAt >= COMPLAINTS_APART_MILLISECONDS;
    if (isDue) complainedAt = performance.now();
    logger[isDue ? "warn" : "debug"]({ problem, standardError: complaint }, "a script hook could not evaluate");
  }

  return {
    name: "script",
    async review(input, signal) {
      const document = await input.document();
      const end = await runner.run(`${JSON.stringify(document)}\n`, signal);
      try {
        const verdict = answerOf(end, {
          answerer: "script",
          uid: document.request.uid,
          isUidNeeded: mode === "server",
        });
        if (end.complaint !== "")
          logger.debug({ standardError: end.complaint }, "a script hook wrote to standard error");
        return verdict;
      } catch (error) {
        complain((error as Error).message, end.complaint);
        throw error;
      }
    },
    close: () => runner.close(),
  };
}

/** @throws {Error} when a run's end is no answer; the message is the same for the same failure. */
function answerOf({ problem, exitCode, signal, output }: RunEnd, asked: Asked): Verdict {
  if (problem !== undefined) throw new Error(`the program gave no answer: ${problem}`);
  if (exitCode === null) throw new Error(`the program was ended by ${signal ?? "a signal"}`);
  const decision = EXIT_CODES[exitCode];
  if (exitCode !== 0 && decision === undefined) throw new Error(`the program ended with exit code ${exitCode}`);
  if (output === undefined) throw new Error("the program's answer is not UTF-8");
  if (decision === undefined) {
    if (output.trim() === "") throw new Error("the program ended with exit code 0 and wrote no decision");
    return verdictOf(parseOutsideJson(output), asked);
  }
  if (output.trim() !== "") throw new Error(`the program wrote an answer and ended with exit code ${exitCode}`);
  return toVerdict({ decision }, asked.answerer);
}

/**
 * Makes the hook as it is configured, limited in time and number.
 *
 * @throws {HookSetupError} when the program cannot be run as it is configured.
 */
export function createScriptHook(
  { timeoutSeconds, concurrency, ...settings }: ScriptSettings & Limits,
  logger: Pick<Logger, "debug" | "warn">,
): ApprovalHook {
  const program = resolveProgram(settings, { environment: process.env, logger });
  const hook = scriptHook({ runner: createRunner(program), mode: settings.mode, logger });
  const followed = followedFilesOf(settings.command);
  // Programs that stay are the old ones until the hook is made anew.
  return { ...limited(hook, { timeoutSeconds, concurrency }), files: () => followed };
}
