import { readFileSync, statSync } from "node:fs";
import type { Logger } from "../../../shared/logging.ts";
import { AuthenticationSetupError } from "./authenticator.ts";

export interface WatchedFilesOptions<T> {
  readonly paths: readonly string[];
  /** Makes something usable of the files' texts, in the order of `paths`. @throws when they cannot be used. */
  readonly parse: (texts: readonly string[]) => T;
  readonly logger: Pick<Logger, "info" | "error">;
  /** Called after each change that was taken over. */
  readonly onChange?: () => void;
}

const MAXIMUM_BYTES = 4 * 1024 * 1024;

/** Files that may change while we run: what was read last and could be used stays in force. */
export class WatchedFiles<T> {
  readonly #options: WatchedFilesOptions<T>;
  #texts: readonly string[];
  #current: T;
  /** What is wrong with the files now, so that it is said once. */
  #problem: string | undefined;

  /** @throws {AuthenticationSetupError} when the files cannot be read or used. */
  constructor(options: WatchedFilesOptions<T>) {
    this.#options = options;
    try {
      this.#texts = options.paths.map(readText);
      this.#current = options.parse(this.#texts);
    } catch (cause) {
      throw new AuthenticationSetupError(`${options.paths.join(", ")}: ${(cause as Error).message}`, { cause });
    }
  }

  get current(): T {
    return this.#current;
  }

  /** The files that differ from what is in force; also those that cannot be read. */
  due(): readonly string[] {
    const { paths } = this.#options;
    return paths.filter((path, index) => {
      try {
        return readText(path) !== this.#texts[index];
      } catch {
        return true;
      }
    });
  }

  /** Takes over what has changed. Files that cannot be used are reported, and what was in force stays in force. */
  reload(): void {
    const { paths, parse, logger, onChange } = this.#options;
    try {
      const texts = paths.map(readText);
      const isSame = texts.every((text, index) => text === this.#texts[index]);
      if (isSame && this.#problem === undefined) return;
      if (!isSame) this.#current = parse(texts);
      this.#texts = texts;
      this.#problem = undefined;
      onChange?.();
      logger.info({ files: paths }, "authentication files were read again");
    } catch (error) {
      const { message } = error as Error;
      if (message === this.#problem) return;
      this.#problem = message;
      logger.error(
        { files: paths, problem: message },
        "authentication files cannot be used, the old ones stay in force",
      );
    }
  }
}

function readText(path: string): string {
  const { size } = statSync(path);
  if (size > MAXIMUM_BYTES) throw new Error(`the file is larger than ${MAXIMUM_BYTES} bytes`);
  return readFileSync(path, "utf8");
}
