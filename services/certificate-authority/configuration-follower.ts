import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { ApprovalSettings } from "./approval/settings.ts";
import { type Configuration, type ConfigurationOverrides, loadConfiguration } from "./configuration.ts";
import type { ConfigurationFileStatus } from "./domain/approval-status.ts";
import { isSameValue } from "./domain/same-value.ts";
import { type Contents, changedFiles, contentsOf } from "./issuer-files.ts";

const RETRY_MILLISECONDS = 60_000;
const MAXIMUM_NAMED = 20;

export interface FollowerDependencies {
  /** What the server was started with; the command line keeps overriding the file. */
  readonly overrides: ConfigurationOverrides;
  readonly configuration: Configuration;
  /** Files besides the configuration that the hooks in force were made from. */
  readonly hookFiles: () => readonly string[];
  /** Puts a chain of these settings in force. @throws when it cannot be made: then nothing has changed. */
  readonly adopt: (approval: ApprovalSettings) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps what can be changed at run time, the approval chain, as the configuration file says. */
export interface ConfigurationFollower {
  /**
   * Looks at the files, and takes what changed. What keeps it from being taken is told once, and tried again every
   * minute: something else may have put it right. Never throws.
   */
  check(): void;
  /** The files that have changed since they were looked at, and why they could not be taken, if so. Changes nothing. */
  due(): { readonly files: readonly string[]; readonly problem: string | undefined };
  readonly paths: readonly string[];
  /** Undefined without a configuration file. */
  readonly status: ConfigurationFileStatus | undefined;
}

export function followConfiguration(deps: FollowerDependencies): ConfigurationFollower {
  const { overrides, configuration, clock, logger } = deps;
  const path = overrides.configFile;
  let approval = configuration.approval;
  const pathsNow = () => (path === undefined ? [] : [path, ...deps.hookFiles()]);
  let seen = contentsOf(pathsNow());
  let adopted = contentsOf(deps.hookFiles());
  let lookedAt = clock.now();
  let problem: ConfigurationFileStatus["problem"];
  let needsRestart: readonly string[] = [];

  /** @param found - what files held before anything was read. */
  function take(found: Contents): void {
    const next = loadConfiguration(overrides);
    if (changedFiles(deps.hookFiles(), adopted, found).length > 0 || !isSameValue(next.approval, approval)) {
      deps.adopt(next.approval);
      approval = next.approval;
      adopted = contentsOf(deps.hookFiles(), found);
      logger.info({ file: path }, "a new approval chain is in force");
    }
    nameRestarts(differences({ ...configuration, approval: undefined }, { ...next, approval: undefined }));
  }

  function nameRestarts(settings: readonly string[]): void {
    if (settings.length > 0 && !isSameValue(settings, needsRestart))
      logger.warn({ file: path, settings }, "settings have changed that are taken at the next start only");
    needsRestart = settings;
  }

  return {
    check() {
      const paths = pathsNow();
      const found = contentsOf(paths);
      const now = clock.now();
      const isRetried = problem !== undefined && now.getTime() - lookedAt.getTime() >= RETRY_MILLISECONDS;
      if (path === undefined || !(isRetried || changedFiles(paths, seen, found).length > 0)) return;
      [seen, lookedAt] = [found, now];
      try {
        take(found);
        if (problem !== undefined) logger.info({ file: path }, "the configuration's problem is solved");
        problem = undefined;
        seen = contentsOf(pathsNow(), found);
      } catch (error) {
        const { message } = error as Error;
        if (message === problem?.message) return;
        problem = { message, since: now };
        logger.error({ file: path, problem: message }, "the configuration cannot be used; the chain in force stays");
      }
    },
    due() {
      const paths = pathsNow();
      const files = changedFiles(paths, seen, contentsOf(paths));
      return { files, problem: files.length === 0 ? problem?.message : problemOf(overrides) };
    },
    get paths() {
      return pathsNow();
    },
    get status() {
      return path === undefined ? undefined : { path, problem, needsRestart };
    },
  };
}

/** Why the file cannot be used; undefined when it can, as far as that is known without making a chain of it. */
function problemOf(overrides: ConfigurationOverrides): string | undefined {
  try {
    loadConfiguration(overrides);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Where two settings differ, as paths, the first of them. */
function differences(one: unknown, other: unknown, path = ""): readonly string[] {
  if (isSameValue(one, other)) return [];
  if (!isRecord(one) || !isRecord(other)) return [path];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys
    .flatMap((key) => differences(one[key], other[key], path === "" ? key : `${path}.${key}`))
    .slice(0, MAXIMUM_NAMED);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
