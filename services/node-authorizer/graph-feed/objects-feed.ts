import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { parseAllDocuments } from "yaml";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import { type ClusterEvent, watchedKindOf } from "../domain/cluster-objects.ts";
import type { FedGraph, GraphFeed } from "./feed.ts";
import { linesOf } from "./lines.ts";

/** A line is one event or one list; a list of a whole cluster on one line is better a file of several lines. */
const MAX_TEXT_CHARACTERS = 512 * 1024 * 1024 - 1024;
const EVENT_TYPES: readonly unknown[] = ["ADDED", "MODIFIED", "DELETED"];

export interface ObjectsFeedOptions {
  /** A file, or `-` for standard input. */
  readonly source: string;
  readonly graph: FedGraph;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Standard input. */
  readonly input?: Readable;
  /** Whether standard input is read to its end before `start` resolves, as a file is. */
  readonly isFinite?: boolean;
}

/**
 * Feeds the graph without a cluster: a `v1` List (JSON, or YAML of any number of documents), or events of watches as JSON
 * lines, `{"type":"ADDED","object":{…}}`, with lists among them. A file is read whole before anybody is answered. Standard
 * input is read as it comes, and for ever: the graph is what was said so far. Kinds that no decision rests on are passed over.
 */
export function objectsFeed(options: ObjectsFeedOptions): GraphFeed {
  const { source, graph, clock, logger } = options;
  const isStream = source === "-" && options.isFinite !== true;
  let isSynced = false;
  let heardAt: Date | undefined;
  let refused = 0;
  let problem: string | undefined;
  let input: Readable | undefined;

  const watched = new Set<string>(graph.watchedKinds);
  const take = (value: unknown): void => {
    for (const event of eventsOf(value)) if (watched.has(event.kind)) graph.apply(event);
    heardAt = clock.now();
  };

  async function read(): Promise<void> {
    input = source === "-" ? (options.input ?? process.stdin) : createReadStream(source, "utf8");
    const rest = await takeLines(input, take, (line, error) => {
      if (!isStream) throw new StatusError("BadRequest", `${source}, line ${line}: ${error.message}`, { cause: error });
      refused += 1;
      problem = `line ${line}: ${error.message}`;
      logger.error({ line, problem: error.message }, "could not take a line of standard input");
    });
    if (rest !== undefined) takeDocuments(rest, source, take);
  }

  return {
    async start() {
      if (!isStream) {
        await read();
        isSynced = true;
        return;
      }
      isSynced = true;
      void read().then(
        () => logger.info("standard input has ended; the graph stays as it is"),
        (error: Error) => {
          refused += 1;
          problem = error.message;
          logger.error({ err: error }, "could not read standard input");
        },
      );
    },
    async stop() {
      input?.destroy();
    },
    isSynced: () => isSynced,
    status() {
      const kinds = graph.watchedKinds.map((kind) => ({ kind, isSynced, heardAt, lists: 1, problem }));
      return { source: "objects", isSynced, kinds, refused };
    },
  };
}

/**
 * Takes each line that is a JSON object by itself. A text whose first line is none is no text of JSON lines: it is collected.
 *
 * @returns the whole text in that case.
 */
async function takeLines(
  input: Readable,
  take: (value: unknown) => void,
  onBad: (line: number, error: Error) => void,
): Promise<string | undefined> {
  let number = 0;
  let isLines: boolean | undefined;
  const collected: string[] = [];
  let characters = 0;
  for await (const line of linesOf(input, MAX_TEXT_CHARACTERS)) {
    number += 1;
    if (isLines === false) {
      characters += line.length + 1;
      if (characters > MAX_TEXT_CHARACTERS) throw new StatusError("RequestEntityTooLarge", "the list is too long");
      collected.push(line);
    } else if (line.trim() !== "") {
      const value = parseJson(line);
      isLines ??= value !== undefined;
      if (!isLines) collected.push(line);
      else takeLine(value, number, take, onBad);
    }
  }
  return collected.length === 0 ? undefined : collected.join("\n");
}

function takeLine(
  value: unknown,
  number: number,
  take: (value: unknown) => void,
  onBad: (line: number, error: Error) => void,
): void {
  try {
    if (value === undefined) throw new StatusError("BadRequest", "is no JSON");
    take(value);
  } catch (error) {
    onBad(number, error as Error);
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** @throws {StatusError} BadRequest naming the source and what is wrong. */
function takeDocuments(text: string, source: string, take: (value: unknown) => void): void {
  const name = source === "-" ? "standard input" : source;
  try {
    const json = parseJson(text);
    if (json !== undefined) take(json);
    else for (const document of yamlDocuments(text)) if (document !== null) take(document);
  } catch (cause) {
    throw new StatusError("BadRequest", `${name}: ${(cause as Error).message}`, { cause });
  }
}

function yamlDocuments(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text, { prettyErrors: true });
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  });
}

interface TypedObject {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly items?: unknown;
  readonly type?: unknown;
  readonly object?: unknown;
}

/** The events that an event, a list or a single object stands for. @throws {StatusError} BadRequest */
function* eventsOf(value: unknown): Generator<ClusterEvent> {
  const found = objectOf(value);
  if ("type" in found && "object" in found) {
    if (found.type === "BOOKMARK") return;
    if (!EVENT_TYPES.includes(found.type)) {
      throw new StatusError(
        "BadRequest",
        `type is ${shown(found.type)}; it must be ADDED, MODIFIED, DELETED or BOOKMARK`,
      );
    }
    yield* eventOf(found.type as ClusterEvent["type"], objectOf(found.object), found);
    return;
  }
  if (Array.isArray(found.items)) {
    for (const item of found.items) yield* eventOf("ADDED", objectOf(item), found);
    return;
  }
  yield* eventOf("ADDED", found, found);
}

/** Items of a list of one kind say neither their own kind nor version. */
function* eventOf(
  type: ClusterEvent["type"],
  object: TypedObject,
  { apiVersion: listVersion, kind: listKind }: TypedObject,
): Generator<ClusterEvent> {
  const apiVersion = object.apiVersion ?? listVersion;
  const kind = object.kind ?? (typeof listKind === "string" ? listKind.replace(/List$/, "") : listKind);
  if (typeof apiVersion !== "string" || typeof kind !== "string" || kind === "") {
    throw new StatusError("BadRequest", "an object has no apiVersion and kind");
  }
  const watched = watchedKindOf(apiVersion, kind);
  if (watched !== undefined) yield { kind: watched, type, object } as ClusterEvent;
}

function objectOf(value: unknown): TypedObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new StatusError("BadRequest", `expected an object, found ${shown(value)}`);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}
