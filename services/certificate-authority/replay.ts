import { createLogger } from "../shared/logging.ts";
import { loadConfiguration } from "./configuration.ts";
import type { ConfiguredSigners } from "./domain/configured-signer.ts";
import { openRecordedRequests } from "./ledger/open-recorded.ts";
import { type LocalChain, openLocalChain } from "./local-chain.ts";
import { recordedReviews } from "./recorded-reviews.ts";
import { decideAgain, type ReplayableItem, type ReplayItem } from "./replay-decision.ts";
import { type ReplayReport, ReplayTally } from "./replay-report.ts";
import { configuredSigners } from "./signer-settings.ts";

/** Of a file: read and decided in one go. */
const FILE_PAGE = 256;
/** Decided at a time; those that ask outside wait there, each hook within its own limit. */
const TOGETHER = 64;

/** Items are what the server documents, and not checked again. */
export interface ReplayPage {
  readonly items: readonly object[];
  readonly continueToken: string | undefined;
}

/** One page of what was decided since then. */
export type FetchPage = (since: Date, continueToken: string | undefined) => Promise<ReplayPage>;

export interface ReplayOptions {
  /** The configuration with the chain that is tried out. */
  readonly configFile: string;
  readonly since: Date;
  /** A ledger or a backup of one, or where pages come from. */
  readonly source: { readonly database: string } | { readonly fetchPage: FetchPage };
  /** Asks programs and services of the new chain, instead of taking what they said then. */
  readonly asksOutside: boolean;
  /** How many requests are shown in each direction. */
  readonly maximumExamples: number;
  readonly onProgress: (requests: number) => void;
}

/**
 * Decides recorded requests again by the chain of a configuration, each with the facts of its time. Nothing is stored,
 * and no server, ledger or cluster is changed.
 *
 * @throws {ConfigurationError} and what hooks throw that cannot be built; {LedgerOpenError} when the file is no ledger.
 */
export async function replayPolicy(options: ReplayOptions): Promise<ReplayReport> {
  const { configFile, since, source, asksOutside, maximumExamples, onProgress } = options;
  const configuration = loadConfiguration({ configFile });
  const logger = createLogger({ level: "warn", format: "text" });
  const chain = openLocalChain(configuration, { asksOutside, logger });
  const { guards } = configuration.approval;
  const signers = configuredSigners(configuration);
  const judges = { chain, signers, guards };
  const tally = new ReplayTally(maximumExamples);
  const { fetchPage, close } = await openSource(source, signers);
  try {
    for await (const { items } of pagesOf(fetchPage, since)) {
      for (let start = 0; start < items.length; start += TOGETHER) {
        await Promise.all(items.slice(start, start + TOGETHER).map((item) => replayOne(item as ReplayItem)));
      }
      onProgress(tally.recorded);
    }
  } finally {
    await Promise.all([close(), chain.close()]);
  }
  return tally.report(since, statedHooks(chain));

  async function replayOne(item: ReplayItem): Promise<void> {
    if (isReplayable(item)) tally.add(item, await decideAgain(judges, item));
    else tally.skip(item);
  }
}

function isReplayable(item: ReplayItem): item is ReplayableItem {
  return item.document !== undefined && item.decision !== undefined;
}

function statedHooks({ hooks }: LocalChain): readonly string[] {
  return hooks.filter(({ isStated }) => isStated).map(({ name }) => name);
}

async function openSource(source: ReplayOptions["source"], signers: ConfiguredSigners) {
  if ("fetchPage" in source) return { fetchPage: source.fetchPage, close: async () => undefined };
  const file = await openRecordedRequests(source.database);
  const reviews = recordedReviews(file, signers);
  const fetchPage: FetchPage = (since, continueToken) => reviews.page({ since, limit: FILE_PAGE, continueToken });
  return { fetchPage, close: () => file.close() };
}

/** The next page is on its way while one is being decided. */
async function* pagesOf(fetchPage: FetchPage, since: Date): AsyncGenerator<ReplayPage> {
  let coming: Promise<ReplayPage> | undefined = fetchPage(since, undefined);
  while (coming !== undefined) {
    const page: ReplayPage = await coming;
    const { continueToken } = page;
    coming = continueToken === undefined ? undefined : fetchPage(since, continueToken);
    // Who reads on learns of its failure then; nobody may.
    coming?.catch(() => undefined);
    yield page;
  }
}
