import type { LocalJWKSet } from "jose";
import type { KeySet } from "../../../shared/jwt/key-set.ts";
import type { Logger } from "../../../shared/logging.ts";
import { WatchedFiles } from "./watched-file.ts";

/** Keys in files, which are read again when they change. */
export class FileKeySet implements KeySet {
  readonly #files: WatchedFiles<LocalJWKSet>;

  /** @throws {AuthenticationSetupError} when the files cannot be read or used. */
  constructor(
    paths: readonly string[],
    parse: (texts: readonly string[]) => LocalJWKSet,
    logger: Pick<Logger, "info" | "error">,
  ) {
    this.#files = new WatchedFiles({ paths, parse, logger });
  }

  current(): LocalJWKSet {
    return this.#files.current;
  }

  async renewed(): Promise<undefined> {
    return undefined;
  }

  maintain(): void {
    this.#files.reload();
  }

  due(): readonly string[] {
    return this.#files.due();
  }
}
