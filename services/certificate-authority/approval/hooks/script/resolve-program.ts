import { statSync } from "node:fs";
import type { Logger } from "../../../../shared/logging.ts";
import { HookSetupError } from "../hook-setup-error.ts";
import type { ScriptSettings } from "../script-settings.ts";
import { checkRunnable, FIXED_PATH, filesOf, writableBy } from "./program-files.ts";
import { identityOf } from "./program-identity.ts";
import type { Program } from "./runner-messages.ts";

export interface ResolveOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Pick<Logger, "warn">;
}

/**
 * Looks up and checks all that a run needs, so that what is wrong is noticed at start.
 *
 * @throws {HookSetupError} naming the setting, its value and the way out.
 */
export function resolveProgram(settings: ScriptSettings, { environment, logger }: ResolveOptions): Program {
  const [file, ...args] = settings.command;
  const ourUid = process.geteuid?.() ?? 0;
  const identity = identityOf(settings, ourUid);
  const ourGids = [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])];
  checkRunnable(
    file,
    identity === undefined ? { uid: ourUid, gids: ourGids } : { uid: identity.uid, gids: [identity.gid] },
  );
  checkWriters(settings, [ourUid, ...(identity === undefined ? [] : [identity.uid])], logger);
  if (ourUid === 0 && (identity?.uid ?? 0) === 0)
    logger.warn({ program: file }, "a script hook runs as root; set script.user to run it as somebody else");
  const { workingDirectory } = settings;
  if (!statSync(workingDirectory, { throwIfNoEntry: false })?.isDirectory())
    throw new HookSetupError(`script.workingDirectory: ${workingDirectory} is not a directory`);
  return {
    file,
    args,
    workingDirectory,
    environment: environmentOf(settings, environment),
    identity,
    outputLimitBytes: settings.outputLimitBytes,
    mode: settings.mode,
  };
}

function checkWriters(
  { command, allowWritableProgram }: ScriptSettings,
  trusted: readonly number[],
  logger: Pick<Logger, "warn">,
): void {
  const problems = filesOf(command).flatMap((file) => {
    const writer = writableBy(file, trusted);
    return writer === undefined ? [] : [`others decide what ${file} does: ${writer}`];
  });
  const [first] = problems;
  if (allowWritableProgram)
    logger.warn(
      { problems },
      "script.allowWritableProgram is set: whoever can change the program decides on certificates",
    );
  else if (first !== undefined)
    throw new HookSetupError(`script.command: ${first}; take that right away, or set script.allowWritableProgram`);
}

function environmentOf(
  { environment: { pass, set } }: ScriptSettings,
  ours: ResolveOptions["environment"],
): Program["environment"] {
  const passed = pass.flatMap((name) => {
    const value = ours[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: FIXED_PATH, ...Object.fromEntries(passed), ...set };
}
