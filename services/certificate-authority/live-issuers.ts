import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Custody } from "./custody/custody.ts";
import type { IssuerAvailability } from "./domain/issuer.ts";
import type { Issuers, SigningIssuers } from "./domain/ports.ts";
import { type IssuerDirectory, issuerDirectory } from "./issuer-directory.ts";
import { type Selection, selectIssuers } from "./issuer-selection.ts";
import type { SigningSettings } from "./issuer-settings.ts";

export interface LiveIssuersDependencies {
  readonly settings: SigningSettings;
  readonly custody: Custody;
  readonly issuers: Issuers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The issuers as they are now, while files and certificates come and go. */
export class LiveIssuers implements SigningIssuers {
  readonly #deps: LiveIssuersDependencies;
  readonly #listeners: (() => Promise<void>)[] = [];
  #selections: ReadonlyMap<string, Selection> = new Map();
  #directory: IssuerDirectory;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    deps: LiveIssuersDependencies,
    selections: ReadonlyMap<string, Selection>,
    directory: IssuerDirectory,
  ) {
    this.#deps = deps;
    this.#selections = selections;
    this.#directory = directory;
  }

  /** @throws as `selectIssuers`. */
  static async open(deps: LiveIssuersDependencies): Promise<LiveIssuers> {
    const { selections, directory } = await selectNow(deps);
    const live = new LiveIssuers(deps, selections, directory);
    live.#report(new Map());
    return live;
  }

  issuerFor(signerName: string): IssuerAvailability {
    return this.#directory.issuerFor(signerName);
  }

  get directory(): IssuerDirectory {
    return this.#directory;
  }

  get selections(): ReadonlyMap<string, Selection> {
    return this.#selections;
  }

  /** Called after each change of who signs or is trusted. */
  onChange(listener: () => Promise<void>): void {
    this.#listeners.push(listener);
  }

  /**
   * Looks again at files, record and configuration, and goes on with what is there. One look at a time.
   * @throws as `selectIssuers`; then everything stays as it is.
   */
  refresh(): Promise<void> {
    return this.exclusively(() => this.#refresh());
  }

  /** Does a piece of work while nothing else changes the issuers, `refresh` included. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #refresh(): Promise<void> {
    const former = { selections: this.#selections, directory: this.#directory };
    const { selections, directory } = await selectNow(this.#deps);
    this.#selections = selections;
    this.#directory = directory;
    this.#report(former.selections);
    if (!isSame(former.directory, directory)) for (const listener of this.#listeners) await listener();
  }

  /** Tells what has become of each issuer, once. */
  #report(former: ReadonlyMap<string, Selection>): void {
    const { logger } = this.#deps;
    for (const [name, selection] of this.#selections) {
      const before = former.get(name);
      const problem = problemOf(selection);
      if (problem === undefined) {
        if (before !== undefined && problemOf(before) !== undefined)
          logger.info({ name }, "the issuer's problem is solved");
      } else if (before === undefined || problemOf(before) !== problem) {
        if (selection.kind === "awaited") logger.warn({ name, problem }, "an issuer cannot sign yet");
        else
          logger.error(
            { name, problem },
            "the issuer's files cannot be used, what was taken from them before signs on",
          );
      }
    }
  }
}

function problemOf(selection: Selection): string | undefined {
  return selection.kind === "awaited" ? selection.message : selection.problem;
}

async function selectNow({ settings, custody, issuers, clock, logger }: LiveIssuersDependencies) {
  const now = clock.now();
  const selections = await selectIssuers(settings, { custody, issuers, now, logger });
  return { selections, directory: issuerDirectory(settings, selections, await issuers.list(), now) };
}

function isSame(one: IssuerDirectory, other: IssuerDirectory): boolean {
  const ids = ({ signing }: IssuerDirectory): string =>
    signing.map(({ certificateDer }) => Buffer.from(certificateDer).toString("base64")).join();
  return ids(one) === ids(other) && one.trustedPem === other.trustedPem && one.tlsCaPem === other.tlsCaPem;
}
