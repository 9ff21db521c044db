import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { Clock } from "../../shared/clock.ts";
import { writeFileDurably } from "../../shared/durable-file.ts";
import type { Logger } from "../../shared/logging.ts";
import type { RevocationSet, RevocationSource } from "./revocation-list.ts";

export interface RevocationFeedOptions {
  /** Asks the certificate authority; resolves with the JSON of a successful answer. */
  readonly get: (path: string, query: Readonly<Record<string, string>>) => Promise<unknown>;
  /** The folder where the list is kept over a restart. */
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the authority may hold a request that has nothing new to say, in seconds. */
  readonly waitSeconds?: number;
  /** How long to wait after a failure, in milliseconds. */
  readonly retryMilliseconds?: number;
}

const FEED_PATH = "/v1/revocations";
const STATE_FILE = "revocations.json";
const DEFAULT_WAIT_SECONDS = 20;
const DEFAULT_RETRY_MILLISECONDS = 2000;

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);
const nodeName = z.string().min(1).max(253);

/** Unknown types of entries are let be: a newer authority may tell more. */
const feedSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().regex(/^\d{1,15}$/) }),
  items: z.array(
    z.object({
      type: z.string(),
      fingerprint: fingerprint.optional(),
      nodeName: nodeName.optional(),
    }),
  ),
});

const stateSchema = z.object({
  revision: z.int().min(0),
  fingerprints: z.array(fingerprint),
  nodeNames: z.array(nodeName),
});

/**
 * Follows the certificate authority's revocations by long polling. What is known is kept on disk, so that a restart while
 * the authority is away forgets nobody. Without a list from either, nobody can be answered.
 */
export function revocationFeed(options: RevocationFeedOptions): RevocationSource {
  const { get, stateDirectory, clock, logger } = options;
  const { waitSeconds = DEFAULT_WAIT_SECONDS, retryMilliseconds = DEFAULT_RETRY_MILLISECONDS } = options;
  const stateFile = join(stateDirectory, STATE_FILE);
  const stopping = new AbortController();
  const fingerprints = new Set<string>();
  const nodeNames = new Set<string>();
  const set: RevocationSet = { fingerprints, nodeNames };
  let revision = 0;
  let isKnown = false;
  /** Whether the last answer had nothing more to tell. */
  let isWhole = false;
  let confirmedAt: Date | undefined;
  let problem: string | undefined;
  let running: Promise<void> = Promise.resolve();

  async function readState(): Promise<void> {
    const content = await readFile(stateFile, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (content === undefined) return;
    const state = stateSchema.parse(JSON.parse(content));
    for (const each of state.fingerprints) fingerprints.add(each);
    for (const each of state.nodeNames) nodeNames.add(each);
    revision = state.revision;
    isKnown = true;
  }

  async function writeState(): Promise<void> {
    const state = { revision, fingerprints: [...fingerprints], nodeNames: [...nodeNames] };
    await writeFileDurably(stateFile, JSON.stringify(state), { mode: 0o600, existing: "replaced" });
  }

  /** @returns whether to ask again at once, for there may be more, or it was not asked to wait for it. */
  async function ask(): Promise<boolean> {
    // Until the list is whole, answers are wanted at once: nobody is answered before, nor is what is known confirmed.
    const isWaiting = isWhole;
    const wait = isWaiting ? String(waitSeconds) : "0";
    const { metadata, items } = feedSchema.parse(await get(FEED_PATH, { after: String(revision), waitSeconds: wait }));
    const newest = Number(metadata.resourceVersion);
    if (newest < revision) {
      // The authority was restored from a backup: what it told before stays in force, and everything is read again.
      logger.error(
        { known: revision, newest },
        "the authority knows fewer revocations than it has told; all are read again",
      );
      revision = 0;
      isWhole = false;
      return true;
    }
    for (const item of items) take(item);
    const hasMoved = newest > revision;
    const isNew = !isKnown || hasMoved;
    revision = newest;
    // The authority tells a page at a time: before the last one nothing is known of who is not in the list.
    isWhole = items.length === 0;
    isKnown ||= isWhole;
    if (isWhole) confirmedAt = clock.now();
    if (isKnown && isNew) await writeState();
    return hasMoved || (!isWaiting && isWhole);
  }

  function take({ type, fingerprint: revoked, nodeName: node }: z.infer<typeof feedSchema>["items"][number]): void {
    if (type === "revoked" && revoked !== undefined) fingerprints.add(revoked);
    if (type === "quarantined" && node !== undefined) nodeNames.add(node);
    if (type === "readmitted" && node !== undefined) nodeNames.delete(node);
    logger.info({ type, fingerprint: revoked, node }, "heard of a revocation");
  }

  async function follow(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      try {
        const askedAt = clock.now().getTime();
        const isUrgent = await ask();
        if (problem !== undefined) logger.info("the authority's revocations are followed again");
        problem = undefined;
        // An authority that does not hold requests is not asked without pause.
        const isHasty = !isUrgent && clock.now().getTime() - askedAt < retryMilliseconds / 2;
        if (isHasty) await rest(signal);
      } catch (error) {
        const { message } = error as Error;
        if (message !== problem && !signal.aborted) {
          logger.error({ problem: message }, "cannot follow the authority's revocations; what is known stays in force");
        }
        problem = message;
        await rest(signal);
      }
    }
  }

  function rest(signal: AbortSignal): Promise<void> {
    return pause(retryMilliseconds, undefined, { signal, ref: false }).catch(() => undefined);
  }

  return {
    async start() {
      await readState().catch((cause: Error) => {
        throw new Error(`${stateFile}: ${cause.message}; remove it, and the list is read from the authority again`, {
          cause,
        });
      });
      running = follow();
    },
    async stop() {
      stopping.abort();
      await Promise.race([running, pause(1000, undefined, { ref: false })]);
    },
    current: () => (isKnown ? set : undefined),
    confirmedAt: () => confirmedAt,
  };
}
