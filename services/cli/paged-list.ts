import type { Command } from "commander";
import type { ApiClient } from "./api-client.ts";
import type { List } from "./api-types.ts";
import { type FormatOptions, parseCount } from "./options.ts";
import { writeObject } from "./output.ts";
import type { Terminal } from "./terminal.ts";

const DEFAULT_LIMIT = 500;
/** The server answers no more than this at once. */
const PAGE_LIMIT = 1_000;

interface Page {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly unknown[];
}

/** A list that the server answers in pages. */
export interface PagedQuery {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** How many items at most; 0 stands for all. */
  readonly limit: number;
}

/** @returns the pages as one answer, and whether the server has more than that. */
export async function readPages<Answer extends Page>(
  client: ApiClient,
  { path, query, limit }: PagedQuery,
): Promise<{ readonly answer: Answer; readonly hasMore: boolean }> {
  const wanted = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const items: unknown[] = [];
  let page: Answer | undefined;
  do {
    const position = { limit: String(Math.min(wanted - items.length, PAGE_LIMIT)), continue: page?.metadata.continue };
    page = await client.json<Answer>({ path, query: { ...query, ...position } });
    items.push(...page.items);
  } while (page.metadata.continue !== undefined && items.length < wanted);
  return { answer: { ...page, metadata: {}, items }, hasMore: page.metadata.continue !== undefined };
}

export interface PagedListOptions extends FormatOptions {
  readonly limit: number;
}

export function withLimit(command: Command): Command {
  return command.option("--limit <count>", "how many to show at most; 0 shows all", parseCount, DEFAULT_LIMIT);
}

/** How a list is shown to people. */
export interface PagedTable<Item> {
  /** What there is none of, in the plural. */
  readonly things: string;
  readonly tableOf: (items: readonly Item[]) => string;
}

/** Shows a list that comes in pages; what is no part of it is said on stderr. */
export async function showPages<Item>(
  client: ApiClient,
  asked: Omit<PagedQuery, "limit">,
  { things, tableOf }: PagedTable<Item>,
  { limit, format }: PagedListOptions,
  { stdout, stderr }: Terminal,
): Promise<void> {
  const { answer, hasMore } = await readPages<List<Item>>(client, { ...asked, limit });
  const { items } = answer;
  if (hasMore) stderr.write(`There are more than these ${items.length}; --limit 0 shows all.\n`);
  if (items.length === 0) stderr.write(`No ${things}.\n`);
  if (items.length === 0 && format === "table") return;
  writeObject(stdout, format, answer, () => tableOf(items));
}
