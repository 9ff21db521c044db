import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { removeLeftovers } from "../../../shared/durable-file.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { LedgerMaintenance, LedgerVerification, VerificationProgress } from "../../domain/ports.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type LedgerVerificationResource, type VerificationProgressResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

export const SQLITE_TYPE = "application/vnd.sqlite3";
/** Header of a backup's answer: the revision the copy holds. */
export const REVISION_HEADER = "gatehouse-revision";

const COPY_PREFIX = "streamed-";
/** A client that takes nothing for this long is gone. */
const STALL_MILLISECONDS = 120_000;
const CHUNK_BYTES = 256 * 1024;
const RETRY_AFTER_SECONDS = 10;
const NOWHERE: VerificationProgress = { done: 0, total: 0 };

export interface LedgerDependencies {
  readonly maintenance: Pick<LedgerMaintenance, "backup" | "verify">;
  /** Holds the copy while it is streamed; made when missing. Nothing else may put files named `streamed-…` there. */
  readonly backupDirectory: string;
  readonly clock: Clock;
}

export function ledgerHandlers(deps: LedgerDependencies): Record<"backup" | "verify" | "progress", Handler> {
  let copying = false;
  let verification: Promise<LedgerVerification> | undefined;
  let reached: VerificationProgress = NOWHERE;

  async function backup(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [SQLITE_TYPE, "application/octet-stream"]);
    // A copy takes as much disk as the ledger, so there is one at a time.
    if (copying) {
      const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
      throw new StatusError("TooManyRequests", "another backup is running; try again when it has ended", { details });
    }
    copying = true;
    const release = (): void => {
      copying = false;
    };
    try {
      await streamCopy(deps, call, release);
    } finally {
      release();
    }
  }

  async function verify(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    // It reads the whole ledger, so callers who ask meanwhile share one answer.
    verification ??= deps.maintenance
      .verify((progress) => {
        reached = progress;
      })
      .finally(() => {
        verification = undefined;
        reached = NOWHERE;
      });
    call.request.socket.setTimeout(0);
    const result = await verification;
    call.request.socket.setTimeout(STALL_MILLISECONDS);
    sendJson(call.response, 200, describeVerification(result));
  }

  async function progress(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const body: VerificationProgressResource = {
      ...{ apiVersion: API_VERSION, kind: "LedgerVerificationProgress" },
      ...{ running: verification !== undefined, ...reached },
    };
    sendJson(call.response, 200, body);
  }

  return { backup, verify, progress };
}

async function streamCopy(
  { maintenance, backupDirectory, clock }: LedgerDependencies,
  { request, response }: Call,
  release: () => void,
): Promise<void> {
  await prepareDirectory(backupDirectory);
  const path = join(backupDirectory, `${COPY_PREFIX}${randomUUID()}.db`);
  // Making the copy may take longer than a connection may be idle.
  request.socket.setTimeout(0);
  const { revision } = await maintenance.backup(path);
  request.socket.setTimeout(STALL_MILLISECONDS);
  const copy = await open(path, "r");
  try {
    // The open copy outlives its name, so that not even a killed process leaves one behind from here on.
    await rm(path);
    const { size } = await copy.stat();
    const stamp = clock.now().toISOString().slice(0, 19).replace(/[-:]/g, "");
    response.writeHead(200, {
      "content-type": SQLITE_TYPE,
      "content-length": size,
      "content-disposition": `attachment; filename="gatehouse-${stamp}Z.db"`,
      "cache-control": "no-store",
      [REVISION_HEADER]: String(revision),
    });
    await pipeline(chunksOf(copy, size, release), response);
  } catch (error) {
    // A client that hangs up mid-way is no fault of the server's, and nobody is left to answer.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  } finally {
    await copy.close();
  }
}

/** The file's bytes; `beforeLast` is called before the last ones leave, so that who has them all can ask again at once. */
async function* chunksOf(file: FileHandle, size: number, beforeLast: () => void): AsyncGenerator<Buffer> {
  let sent = 0;
  while (sent < size) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, sent);
    if (bytesRead === 0) throw new Error(`the copy ended after ${sent} of ${size} bytes`);
    sent += bytesRead;
    if (sent >= size) beforeLast();
    yield buffer.subarray(0, bytesRead);
  }
}

/** Copies that a killed process left behind are removed: one copy is streamed at a time, so none is in use. */
async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const leftovers = (await readdir(directory)).filter((name) => name.startsWith(COPY_PREFIX));
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { force: true })));
  await removeLeftovers(directory);
}

function describeVerification(result: LedgerVerification): LedgerVerificationResource {
  const { revision, auditEntries, auditHead, certificates, decisions, problems, warnings } = result;
  const counts = { revision, auditEntries, auditHead, certificates, decisions };
  const sound = problems.length === 0;
  return {
    apiVersion: API_VERSION,
    kind: "LedgerVerification",
    sound,
    ...counts,
    problems: [...problems],
    warnings: [...warnings],
  };
}
