import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditEvent } from "./api-types.ts";

const CHUNK_BYTES = 64 * 1024;
/** How soon new events are seen. */
const POLL_MILLISECONDS = 250;

/** What was found between two looks at a log. */
export interface LogPart {
  readonly events: readonly AuditEvent[];
  /** Lines that are no events, as a crash leaves them. */
  readonly unreadable: number;
  /** The end of the log was reached. */
  readonly isCaughtUp: boolean;
}

/**
 * Reads a log of audit events from its beginning, part by part. With `follow` it goes on with what is added, into the
 * file that takes the log's name when it is put aside, until the signal; without, it ends at the end, where half a line
 * is left out: it may be being written.
 *
 * @throws the file system's error when there is no such file.
 */
export async function* readAuditLog(path: string, follow: boolean, signal: AbortSignal): AsyncGenerator<LogPart> {
  let log = await openLog(path);
  try {
    for (;;) {
      const part = await readPart(log);
      yield part;
      if (!part.isCaughtUp) continue;
      if (!follow || signal.aborted) return;
      const next = await successorOf(log, path);
      if (next === undefined) {
        await sleep(POLL_MILLISECONDS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      // What was added between the last look and the renaming.
      yield await readPart(log);
      await log.file.close();
      log = next;
    }
  } finally {
    await log.file.close();
  }
}

interface Log {
  readonly file: FileHandle;
  position: number;
  /** The beginning of a line whose end is not there yet. */
  rest: Buffer;
}

async function openLog(path: string): Promise<Log> {
  return { file: await open(path, "r"), position: 0, rest: Buffer.alloc(0) };
}

async function readPart(log: Log): Promise<LogPart> {
  const { bytesRead, buffer } = await log.file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, log.position);
  log.position += bytesRead;
  const bytes = Buffer.concat([log.rest, buffer.subarray(0, bytesRead)]);
  const end = bytes.lastIndexOf("\n") + 1;
  log.rest = bytes.subarray(end);
  const lines = bytes.toString("utf8", 0, end).split("\n").filter(Boolean);
  const events = lines.map(parseEvent).filter((event) => event !== undefined);
  return { events, unreadable: lines.length - events.length, isCaughtUp: bytesRead === 0 };
}

/** The file that has the log's name now; undefined while it is still the same. */
async function successorOf({ file, position }: Log, path: string): Promise<Log | undefined> {
  const [ours, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  if (named === undefined) return undefined;
  const isSame = ours.ino === named.ino && ours.dev === named.dev && named.size >= position;
  return isSame ? undefined : openLog(path);
}

function parseEvent(line: string): AuditEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return (value as Partial<AuditEvent> | null)?.kind === "Event" ? (value as AuditEvent) : undefined;
  } catch {
    return undefined;
  }
}
