import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import type { Status } from "../../shared/status-error.ts";
import type { ApiClient, ApiRequest } from "../api-client.ts";
import { ApiError } from "../api-error.ts";
import type { List, ServerTable, SigningRequest } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import type { Format } from "../output.ts";
import { isTable, TableWriter } from "../server-table.ts";
import type { Terminal } from "../terminal.ts";

/** Before the next watch when the last one brought nothing, so that a server which ends them at once is not hammered. */
const PAUSE_MILLISECONDS = 1_000;

type Watched = ServerTable | SigningRequest;
interface WatchEvent {
  readonly type: string;
  readonly object: Watched | Status;
}
type Listed = ServerTable | List<SigningRequest>;

/** How one format shows the list at the start and the changes after it. */
interface Presenter {
  list(answer: Listed): void;
  event(event: { readonly type: string; readonly object: Watched }): void;
}

/**
 * Shows the list and then every change, until the terminal's signal. A watch that the server ends is taken up where it
 * ended; one that is too old to be taken up starts from a new list.
 */
export async function watchRequests(
  client: ApiClient,
  request: ApiRequest,
  format: Format,
  terminal: Terminal,
): Promise<void> {
  const presenter = presenterFor(format, terminal);
  let revision = await showList(client, request, presenter);
  while (!terminal.signal.aborted) {
    const before = revision;
    try {
      revision = await follow(client, request, revision, presenter, terminal.signal);
      if (revision !== before) continue;
    } catch (error) {
      if (terminal.signal.aborted) return;
      if (!(error instanceof ApiError && error.code === 410)) throw error;
      revision = await showList(client, request, presenter);
    }
    await sleep(PAUSE_MILLISECONDS, undefined, { signal: terminal.signal }).catch(() => {});
  }
}

async function showList(client: ApiClient, request: ApiRequest, presenter: Presenter): Promise<string> {
  const answer = await client.json<Listed>(request);
  presenter.list(answer);
  return answer.metadata?.resourceVersion ?? "0";
}

/** One watch; returns the revision to go on from when the server ends it. */
async function follow(
  client: ApiClient,
  request: ApiRequest,
  from: string,
  presenter: Presenter,
  signal: AbortSignal,
): Promise<string> {
  const query = { ...request.query, watch: "true", resourceVersion: from, allowWatchBookmarks: "true" };
  const stream = await client.stream({ ...request, query }, { signal, isEndless: true });
  let revision = from;
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === "") continue;
      const { type, object } = parseEvent(line);
      if (type === "ERROR") throw watchError(object as Status, client, request);
      const watched = object as Watched;
      if (type !== "BOOKMARK") presenter.event({ type, object: watched });
      revision = revisionOf(watched) ?? revision;
    }
  } catch (error) {
    // A connection that broke is taken up like one that ended; the next one tells when the server is gone.
    if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
  }
  return revision;
}

function watchError(status: Status, client: ApiClient, request: ApiRequest): ApiError {
  return new ApiError(status.code ?? 500, status, client.connection, request.path);
}

function parseEvent(line: string): WatchEvent {
  try {
    return JSON.parse(line) as WatchEvent;
  } catch (cause) {
    throw new CommandError("the server sent a watch event that is not JSON", undefined, { cause });
  }
}

/** A Table says it on its row, or, as a bookmark, on itself. */
function revisionOf(object: Watched): string | undefined {
  const ofRow = isTableObject(object) ? object.rows?.at(-1)?.object?.metadata?.resourceVersion : undefined;
  return ofRow ?? (object.metadata?.resourceVersion || undefined);
}

function isTableObject(object: Watched): object is ServerTable {
  return isTable(object);
}

function presenterFor(format: Format, { stdout }: Terminal): Presenter {
  if (format === "table") {
    const writer = new TableWriter(stdout);
    const write = (object: Watched | Listed): void => {
      if (isTable(object)) writer.write(object);
    };
    return { list: write, event: ({ object }) => write(object) };
  }
  const event: Presenter["event"] = (shown) =>
    void stdout.write(format === "json" ? `${JSON.stringify(shown)}\n` : `---\n${stringify(shown)}`);
  return {
    event,
    list(answer) {
      if (isTable(answer)) return;
      for (const object of answer.items) event({ type: "ADDED", object });
    },
  };
}
