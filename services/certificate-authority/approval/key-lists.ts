import { readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Logger } from "../../shared/logging.ts";

export interface KeyListsSettings {
  /** One SHA-256 of a SubjectPublicKeyInfo a line, in hex. */
  readonly blockedKeysFile?: string | undefined;
  /** In the format of Debian's package openssl-blacklist. */
  readonly weakKeysFile?: string | undefined;
}

/** The lists of keys that are never certified. */
export interface KeyLists {
  /** @param spkiSha256 - lower-case hex. */
  isBlocked(spkiSha256: string): boolean;
  /** @param modulusSha1 - as in `PublicKeyKind`. */
  isDebianWeak(modulusSha1: string): boolean;
  /** Reads the files that changed. A file that cannot be used is reported, once, and the list it gave before stays. */
  reload(): Promise<void>;
  /** The files that `reload` would read. */
  due(): Promise<readonly string[]>;
}

/** Thrown at start only; the message names the file and what is wrong with it. */
class KeyListError extends Error {
  override readonly name = "KeyListError";
}

/** How the entries of a file look. */
interface EntryFormat {
  readonly setting: string;
  readonly pattern: RegExp;
  readonly expected: string;
  /** What is compared, of a whole digest or of an entry. */
  readonly keyOf: (digest: string) => string;
}

const BLOCKED: EntryFormat = {
  setting: "keyPolicy.blockedKeysFile",
  pattern: /^[0-9a-f]{64}$/,
  expected: "64 hexadecimal digits, the SHA-256 of a SubjectPublicKeyInfo",
  keyOf: (digest) => digest,
};

/** The last 80 bits of a SHA-1. */
const DEBIAN_ENTRY_DIGITS = 20;

/** Source: Debian openssl-blacklist, openssl-vulnkey(1). */
const DEBIAN_WEAK: EntryFormat = {
  setting: "keyPolicy.weakKeysFile",
  pattern: /^(?:[0-9a-f]{20}|[0-9a-f]{40})$/,
  expected: "20 or 40 hexadecimal digits, the end of or the whole SHA-1 of a line Modulus=…",
  keyOf: (digest) => digest.slice(-DEBIAN_ENTRY_DIGITS),
};

/** Holds some 1.5 million Debian entries; a file is parsed in one go. */
const MAXIMUM_BYTES = 32 * 1024 * 1024;

/**
 * Reads the lists that are configured.
 *
 * @throws {KeyListError} when a file cannot be read or has a line that is no entry.
 */
export function openKeyLists({ blockedKeysFile, weakKeysFile }: KeyListsSettings, logger: Logger): KeyLists {
  const blocked = blockedKeysFile === undefined ? undefined : openList(blockedKeysFile, BLOCKED, logger);
  const weak = weakKeysFile === undefined ? undefined : openList(weakKeysFile, DEBIAN_WEAK, logger);
  return {
    isBlocked: (spkiSha256) => blocked?.has(spkiSha256) ?? false,
    isDebianWeak: (modulusSha1) => weak?.has(modulusSha1) ?? false,
    async reload() {
      await blocked?.reload();
      await weak?.reload();
    },
    due: async () => [...((await blocked?.due()) ?? []), ...((await weak?.due()) ?? [])],
  };
}

function openList(file: string, format: EntryFormat, logger: Logger) {
  let { version, entries } = readAtStart(file, format);
  /** What is wrong with the file now, so that it is said once. */
  let problem: string | undefined;
  const { setting } = format;
  logger.info({ setting, file, entries: entries.size }, "read a list of keys");

  async function readIfChanged(): Promise<void> {
    const found = versionOf(await stat(file));
    if (found === version && problem === undefined) return;
    entries = parse(await readFile(file, "utf8"), format);
    version = found;
    problem = undefined;
    logger.info({ setting, file, entries: entries.size }, "read a list of keys again");
  }

  async function isDue(): Promise<boolean> {
    try {
      return versionOf(await stat(file)) !== version || problem !== undefined;
    } catch {
      return true;
    }
  }

  return {
    due: async (): Promise<readonly string[]> => ((await isDue()) ? [file] : []),
    has: (digest: string): boolean => entries.has(format.keyOf(digest)),
    reload: () =>
      readIfChanged().catch(({ message }: Error) => {
        if (message === problem) return;
        problem = message;
        logger.error({ setting, file, problem }, "a list of keys cannot be used; the one read before stays in force");
      }),
  };
}

function readAtStart(file: string, format: EntryFormat) {
  try {
    const version = versionOf(statSync(file));
    return { version, entries: parse(readFileSync(file, "utf8"), format) };
  } catch (cause) {
    throw new KeyListError(`${format.setting}: cannot use ${file}: ${(cause as Error).message}; correct or remove it`, {
      cause,
    });
  }
}

/** What changes when the file does. @throws {Error} when it is too large. */
function versionOf({ ino, size, mtimeMs }: { ino: number; size: number; mtimeMs: number }): string {
  if (size > MAXIMUM_BYTES) throw new Error(`it is larger than ${MAXIMUM_BYTES} bytes`);
  return `${ino} ${size} ${mtimeMs}`;
}

/** One entry a line; empty lines and what follows `#` do not count. @throws {Error} naming the first bad line. */
function parse(text: string, { pattern, expected, keyOf }: EntryFormat): ReadonlySet<string> {
  const entries = new Set<string>();
  let number = 0;
  for (const line of text.split("\n")) {
    number += 1;
    const entry = line.replace(/#.*/, "").trim().toLowerCase();
    if (entry === "") continue;
    if (!pattern.test(entry)) throw new Error(`line ${number} is no entry: ${expected}`);
    entries.add(keyOf(entry));
  }
  return entries;
}
