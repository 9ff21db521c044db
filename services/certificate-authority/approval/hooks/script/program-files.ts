import { closeSync, openSync, readSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { HookSetupError } from "../hook-setup-error.ts";

/** Where programs find others, whatever our own environment says. */
export const FIXED_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const ELF = Buffer.from("\x7fELF", "latin1");

/** Who is going to run the program. */
export interface RunsAs {
  readonly uid: number;
  /** All its groups. */
  readonly gids: readonly number[];
}

/**
 * Checks that a file can be run by whom it is to be.
 *
 * @throws {HookSetupError} naming what is wrong, and the way out.
 */
export function checkRunnable(file: string, runsAs: RunsAs): void {
  const found = statOf(file);
  if (!found.isFile()) throw problem(file, "is not a file; name a program");
  const closed = ancestorsOf(realpathSync(file)).find((directory) => !mayExecute(statSync(directory), runsAs));
  if (closed !== undefined)
    throw problem(file, `cannot be reached by user ${runsAs.uid}: ${closed} does not let it through`);
  if (!mayExecute(found, runsAs))
    throw problem(file, `cannot be executed by user ${runsAs.uid}; try: chmod +x ${file}`);
  const start = beginningOf(file);
  if (start === undefined || start.subarray(0, ELF.length).equals(ELF)) return;
  const interpreter = interpreterProblem(start.toString("latin1"));
  if (interpreter !== undefined) throw problem(file, interpreter);
}

/** @returns who else than root, ourselves and whom it is run as can change the file; undefined when nobody can. */
export function writableBy(file: string, trusted: readonly number[]): string | undefined {
  const real = realpathSync(file);
  for (const path of [real, ...ancestorsOf(real)]) {
    const { mode, uid, gid } = statSync(path);
    if (uid !== 0 && !trusted.includes(uid)) return `${path} belongs to user ${uid}`;
    // What only its owner may take away from a directory, nobody else can replace.
    if (path !== real && (mode & STICKY) !== 0) continue;
    // A group of the owner's own is nobody else.
    if ((mode & GROUP_WRITES) !== 0 && gid !== 0 && gid !== uid) return `group ${gid} may write to ${path}`;
    if ((mode & OTHERS_WRITE) !== 0) return `everybody may write to ${path}`;
  }
  return undefined;
}

/** Files that a command names: its program, and each argument that is the absolute path of a file. */
export function filesOf(command: readonly string[]): readonly string[] {
  return command.filter((word, index) => index === 0 || (isAbsolute(word) && isFile(word)));
}

const MAXIMUM_FOLLOWED_BYTES = 256 * 1024;

/** Those of them that are followed: scripts and lists, no interpreters and other large programs. */
export function followedFilesOf(command: readonly string[]): readonly string[] {
  return filesOf(command).filter((file) => {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    return size <= MAXIMUM_FOLLOWED_BYTES;
  });
}

function interpreterProblem(start: string): string | undefined {
  const [line = ""] = start.split("\n", 1);
  if (!line.startsWith("#!")) return "is neither a program nor a script: its first line does not begin with #!";
  if (line.endsWith("\r")) return "has a first line that ends with a carriage return; save it with Unix line ends";
  const [interpreter = "", argument = ""] = line
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (!isAbsolute(interpreter))
    return `names the interpreter ${JSON.stringify(interpreter)}, which is no absolute path`;
  if (!isFile(interpreter)) return `names the interpreter ${interpreter}, which does not exist`;
  if (basename(interpreter) !== "env" || argument === "" || argument.startsWith("-")) return undefined;
  const isThere = FIXED_PATH.split(":").some((directory) => isFile(join(directory, argument)));
  return isThere
    ? undefined
    : `asks env for ${argument}, which is not in ${FIXED_PATH}; name it with its path in command`;
}

function mayExecute({ mode, uid, gid }: Stats, runsAs: RunsAs): boolean {
  if (runsAs.uid === 0) return (mode & 0o111) !== 0;
  if (runsAs.uid === uid) return (mode & 0o100) !== 0;
  return (mode & (runsAs.gids.includes(gid) ? 0o010 : 0o001)) !== 0;
}

/** Undefined when the file may be executed but not read. */
function beginningOf(file: string): Buffer | undefined {
  try {
    const descriptor = openSync(file, "r");
    try {
      const bytes = Buffer.alloc(256);
      return bytes.subarray(0, readSync(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

function ancestorsOf(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestorsOf(parent)];
}

function statOf(file: string): Stats {
  try {
    return statSync(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unreadable";
    throw new HookSetupError(`script.command: ${file} cannot be used (${code}); correct the path`, { cause });
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function problem(file: string, what: string): HookSetupError {
  return new HookSetupError(`script.command: ${file} ${what}`);
}
