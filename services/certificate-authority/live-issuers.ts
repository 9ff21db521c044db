import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Custody } from "./custody/custody.ts";
import type { Tokens } from "./custody/pkcs11/tokens.ts";
import type { IssuerAvailability } from "./domain/issuer.ts";
import type { Issuers, SigningIssuers } from "./domain/ports.ts";
import { type IssuerDirectory, issuerDirectory } from "./issuer-directory.ts";
import { type Contents, changedFiles, contentsOf } from "./issuer-files.ts";
import { loadOld, type Selection, selectIssuers } from "./issuer-selection.ts";
import { longestLifetimeOf, type SigningSettings, signerNamesOf } from "./issuer-settings.ts";

export interface LiveIssuersDependencies {
  readonly settings: SigningSettings;
  readonly custody: Custody;
  /** Needed when an issuer names a token. */
  readonly tokens?: Tokens | undefined;
  readonly issuers: Issuers;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MILLISECONDS = 60_000;

/** The issuers as they are now, while files and certificates come and go. */
export class LiveIssuers implements SigningIssuers {
  readonly #deps: LiveIssuersDependencies;
  readonly #listeners: (() => Promise<void>)[] = [];
  readonly #paths: readonly string[];
  #selections: ReadonlyMap<string, Selection> = new Map();
  #directory: IssuerDirectory;
  #last: Promise<unknown> = Promise.resolve();
  #contents: Contents = new Map();
  #lookedAt = new Date(0);
  /** Why the last look changed nothing. */
  #failure: string | undefined;

  private constructor(
    deps: LiveIssuersDependencies,
    selections: ReadonlyMap<string, Selection>,
    directory: IssuerDirectory,
  ) {
    this.#deps = deps;
    this.#paths = filesOf(deps.settings);
    this.#selections = selections;
    this.#directory = directory;
  }

  /** @throws as `selectIssuers`. */
  static async open(deps: LiveIssuersDependencies): Promise<LiveIssuers> {
    const contents = contentsOf(filesOf(deps.settings));
    const { selections, directory } = await selectNow(deps);
    const live = new LiveIssuers(deps, selections, directory);
    live.#contents = contents;
    live.#lookedAt = deps.clock.now();
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

  /** The files that issuers are taken from. */
  get paths(): readonly string[] {
    return this.#paths;
  }

  /** Those that hold something else than at the last look. */
  changedFiles(): readonly string[] {
    return changedFiles(this.#paths, this.#contents, contentsOf(this.#paths));
  }

  /**
   * Looks again when a file has changed since the last look; once a minute also while something is wrong, for time or
   * another file may have put it right. What keeps everything from being taken is told once. Never throws.
   */
  async checkFiles(): Promise<void> {
    if (!this.#isDue()) return;
    try {
      await this.refresh();
      this.#failure = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#failure)
        this.#deps.logger.error({ err: error }, "issuers stay as they are: what is there now cannot be used");
      this.#failure = message;
    }
  }

  #isDue(): boolean {
    if (this.changedFiles().length > 0) return true;
    const isWell =
      this.#failure === undefined && [...this.#selections.values()].every((one) => problemOfFiles(one) === undefined);
    return !isWell && this.#deps.clock.now().getTime() - this.#lookedAt.getTime() >= RETRY_MILLISECONDS;
  }

  /** Does a piece of work while nothing else changes the issuers, `refresh` included. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #refresh(): Promise<void> {
    // Before the look: what changes during it is looked at again.
    this.#contents = contentsOf(this.#paths);
    this.#lookedAt = this.#deps.clock.now();
    const former = { selections: this.#selections, directory: this.#directory };
    const { selections, directory } = await selectNow(this.#deps);
    this.#selections = selections;
    this.#directory = directory;
    this.#report(former.selections);
    if (!isSame(former.directory, directory)) for (const listener of this.#listeners) await this.#tell(listener);
  }

  /** Lifetimes that do not fit are refused where they are configured; a CA that came from elsewhere, or grew old, shows it here. */
  #reportShortLife(name: string): void {
    const { settings, clock, logger } = this.#deps;
    const [signerName] = signerNamesOf(name, settings.signers);
    const longestSeconds = longestLifetimeOf(name, settings);
    const availability = signerName && this.issuerFor(signerName);
    if (longestSeconds === undefined || !availability || availability.kind !== "ready") return;
    const { notAfter } = availability.issuer;
    if (notAfter.getTime() - clock.now().getTime() >= longestSeconds * 1000) return;
    logger.warn(
      { name, notAfter },
      "certificates end with this issuer, or what is above it, before signing.maxDurationSeconds, or the longest lifetime of its signers",
    );
  }

  async #tell(listener: () => Promise<void>): Promise<void> {
    try {
      await listener();
    } catch (error) {
      this.#deps.logger.error({ err: error }, "issuers have changed, but not everything could follow");
    }
  }

  /** Tells what has become of each issuer, once. */
  #report(former: ReadonlyMap<string, Selection>): void {
    const { logger } = this.#deps;
    for (const [name, selection] of this.#selections) {
      const before = former.get(name);
      if (idOf(selection) !== idOf(before)) this.#reportShortLife(name);
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

function filesOf({ issuer, issuers }: SigningSettings): readonly string[] {
  const files = [issuer, ...issuers].flatMap((one) => (one.import === undefined ? [] : Object.values(one.import)));
  return files.filter((path) => path !== undefined);
}

function idOf(selection: Selection | undefined): string | undefined {
  return selection?.kind === "active" ? selection.chained.issuer.description.id : undefined;
}

function problemOfFiles(selection: Selection): string | undefined {
  return selection.kind === "active" ? selection.problem : undefined;
}

function problemOf(selection: Selection): string | undefined {
  return selection.kind === "awaited" ? selection.message : selection.problem;
}

async function selectNow({ settings, custody, tokens, issuers, clock, logger }: LiveIssuersDependencies) {
  const now = clock.now();
  const selections = await selectIssuers(settings, { custody, tokens, issuers, now, logger });
  const records = await issuers.list();
  const old = await loadOld(settings, records, { custody, tokens, now, logger });
  return { selections, directory: issuerDirectory(settings, { selections, records, old }, now) };
}

function isSame(one: IssuerDirectory, other: IssuerDirectory): boolean {
  const ids = ({ signing }: IssuerDirectory): string =>
    signing.map(({ certificateDer }) => Buffer.from(certificateDer).toString("base64")).join();
  return ids(one) === ids(other) && one.trustedPem === other.trustedPem && one.tlsCaPem === other.tlsCaPem;
}
