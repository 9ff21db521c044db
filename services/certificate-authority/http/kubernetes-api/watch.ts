import { MEDIA_TYPES } from "../../../shared/kubernetes/output-format.ts";
import { isStatusError, StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { Change, WatchSubscription } from "../../domain/ports.ts";
import type { Call } from "../call.ts";
import { reach, type WatchOptions, watchOptionsOf } from "./list-options.ts";
import { requireForm } from "./read.ts";
import { negotiateWatch } from "./rendering.ts";
import type { ReadingApi } from "./resource-api.ts";
import { portSelection, type Selection, selectionOf } from "./selection.ts";
import { includedObjectOf } from "./table.ts";
import { type WatchEvents, watchEvents } from "./watch-events.ts";
import type { WatchStream } from "./watch-stream.ts";

const BOOKMARK_MILLISECONDS = 60_000;
/** How long before its end a watch gets its last bookmark. */
const LAST_BOOKMARK_MILLISECONDS = 2_000;
const MIN_DEFAULT_TIMEOUT_SECONDS = 1_800;
/** Beyond this a timer does not reach; no client asks for a day. */
const MAX_TIMEOUT_SECONDS = 86_400;

/** One watch and what it needs to run. */
interface Watch<T extends ApiObject> {
  readonly api: ReadingApi<T>;
  readonly stream: WatchStream;
  readonly events: WatchEvents<T>;
  readonly selection: Selection<T>;
  readonly options: WatchOptions;
  /** How long it lasts. */
  readonly seconds: number;
  /** Every change up to here was delivered. */
  delivered: number;
  /** The next bookmark may go this far; undefined until changes are followed. */
  settled: number | undefined;
}

/**
 * Answers a watch: the state as ADDED events where it is asked for, then every change after it, until the client, the
 * timeout or the server ends it.
 *
 * @throws {StatusError} before anything is sent: NotAcceptable, BadRequest, Invalid, Timeout (the resourceVersion is
 *   in the future), TooManyRequests, ServiceUnavailable. What comes later is an ERROR event.
 */
export async function watchObjects<T extends ApiObject>(call: Call, api: ReadingApi<T>): Promise<void> {
  const output = negotiateWatch(call.request.headers.accept);
  requireForm(output, "object");
  const includeObject = output.conversion === "table" ? includedObjectOf(call.query) : "Metadata";
  const options = watchOptionsOf(call.query);
  const selection = selectionOf(call.query, api.type.fields);
  await reach(options.resourceVersion, api.reader);
  // Read to its end, a request is not torn down with an error, stack trace and all, each time a watcher hangs up.
  call.request.resume();
  const contentType = MEDIA_TYPES[output.format] + (output.format === "protobuf" ? ";stream=watch" : "");
  const stream = api.watches.open(call.response, contentType);
  const readers = selection.name === undefined ? "many" : "one";
  const events = watchEvents(api.type, { ...output, includeObject }, api.clock, readers);
  const seconds = options.timeoutSeconds ?? MIN_DEFAULT_TIMEOUT_SECONDS * (1 + Math.random());
  const watch: Watch<T> = { api, stream, events, selection, options, seconds, delivered: 0, settled: undefined };
  stream.onClose(() => {
    if (stream.isTooSlow) api.logger.info({ requestId: call.requestId }, "a watch was cut: its reader fell behind");
  });
  try {
    await runWatch(watch);
  } catch (error) {
    if (!call.response.headersSent) throw error;
    fail(watch, error);
  }
}

async function runWatch<T extends ApiObject>(watch: Watch<T>): Promise<void> {
  const { api, stream, options } = watch;
  const { resourceVersion = 0, sendInitialEvents } = options;
  keepTime(watch);
  if (sendInitialEvents ?? resourceVersion === 0) {
    follow(watch, await sendState(watch));
    return;
  }
  stream.start();
  follow(watch, resourceVersion === 0 ? api.reader.revision() : resourceVersion);
}

/** One timer for all that comes due while a watch lasts: a bookmark a minute, one shortly before the end, the end. */
function keepTime<T extends ApiObject>(watch: Watch<T>): void {
  const { stream, options } = watch;
  let timer: NodeJS.Timeout | undefined;
  const waitWith = (left: number): void => {
    const untilLast = left > LAST_BOOKMARK_MILLISECONDS ? left - LAST_BOOKMARK_MILLISECONDS : left;
    const wait = options.allowBookmarks ? Math.min(BOOKMARK_MILLISECONDS, untilLast) : left;
    timer = setTimeout(() => {
      if (wait === left) stream.end();
      else sendBookmark(watch);
      if (!stream.isClosed) waitWith(left - wait);
    }, wait);
  };
  waitWith(Math.min(watch.seconds, MAX_TIMEOUT_SECONDS) * 1000);
  stream.onClose(() => clearTimeout(timer));
}

/** @returns the revision of the state that was sent. */
async function sendState<T extends ApiObject>(watch: Watch<T>): Promise<number> {
  const { api, stream, events, selection, options } = watch;
  const { items, revision } = await api.reader.list(portSelection(selection));
  const { matches } = selection;
  const selected = matches === undefined ? items : items.filter(matches);
  stream.start();
  await stream.sendAll(addedEvents(selected, events));
  if (options.allowBookmarks) stream.send(events.bookmark(revision, true));
  return revision;
}

function* addedEvents<T extends ApiObject>(items: readonly T[], events: WatchEvents<T>): Generator<Uint8Array> {
  for (const object of items) yield events.event("ADDED", object);
}

function follow<T extends ApiObject>(watch: Watch<T>, afterRevision: number): void {
  const { api, stream, selection } = watch;
  if (stream.isClosed) return;
  let subscription: WatchSubscription;
  try {
    subscription = api.reader.subscribe(
      afterRevision,
      portSelection(selection),
      (changes) => sendChanges(watch, changes),
      (error) => fail(watch, error),
    );
  } catch (error) {
    fail(watch, error);
    return;
  }
  stream.onClose(() => subscription.close());
  watch.delivered = afterRevision;
  watch.settled = api.reader.revision();
}

/**
 * A bookmark names a revision up to which everything was delivered. Deliveries may trail the newest revision by a few
 * turns of the event loop, so a bookmark goes no further than the newest revision at the time of the one before it.
 */
function sendBookmark<T extends ApiObject>(watch: Watch<T>): void {
  const { api, stream, events, settled } = watch;
  if (settled === undefined) return;
  watch.delivered = Math.max(watch.delivered, settled);
  stream.send(events.bookmark(watch.delivered, false));
  watch.settled = api.reader.revision();
}

function sendChanges<T extends ApiObject>(watch: Watch<T>, changes: readonly Change<T>[]): void {
  const { stream, events, selection } = watch;
  for (const change of changes) {
    watch.delivered = change.revision;
    const event = eventOf(change, selection, events);
    if (event !== undefined) stream.send(event);
  }
}

/** What a change is to someone who sees only what the selection matches. */
function eventOf<T extends ApiObject>(
  change: Change<T>,
  { matches }: Selection<T>,
  events: WatchEvents<T>,
): Buffer | undefined {
  const { type, object, previous } = change;
  if (matches === undefined) return events.event(type, object);
  const isIn = type !== "DELETED" && matches(object);
  const wasIn = type !== "ADDED" && matches(previous ?? object);
  if (isIn) return events.event(wasIn ? "MODIFIED" : "ADDED", object);
  if (!wasIn) return undefined;
  return events.event("DELETED", atRevision(previous ?? object, change.revision));
}

/** The last state that the selection matched, as of the change that ended it. */
function atRevision<T extends ApiObject>(object: T, revision: number): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** Tells the watcher what went wrong, which a 200 stream can only do in an event, and ends the stream. */
function fail<T extends ApiObject>({ api, stream, events }: Watch<T>, error: unknown): void {
  const isPublic = isStatusError(error);
  if (!isPublic) api.logger.error({ err: error }, "a watch failed");
  const status = isPublic ? error : new StatusError("InternalError", "internal error");
  stream.send(events.error(status.toStatus()));
  stream.end();
}
