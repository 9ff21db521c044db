import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import { AuditConfigurationError } from "./policy-file.ts";
import { prune, putAside, type RotationSettings } from "./rotation.ts";
import type { AuditSink } from "./sink.ts";

const MEGABYTE = 1024 * 1024;
const HOUR_MILLISECONDS = 3_600_000;
/** How much a power cut may take of a log that nobody waits for. */
const SYNC_MILLISECONDS = 1000;
/** How soon it is noticed that somebody else moved the file away. */
const LOOK_MILLISECONDS = 1000;
const LINE_BREAK = 0x0a;

export interface FileSinkOptions extends RotationSettings {
  readonly path: string;
  /**
   * When what was written is forced to the disk: after every batch, so that whoever waited for it may rely on it, or
   * once a second. A killed process loses nothing that was written either way.
   */
  readonly sync: "everyBatch" | "everySecond";
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
}

/**
 * Opens the log for appending, mode 0600; its directory is made, mode 0700, when missing. What a crash tore stays as a
 * line of its own, which readers skip.
 *
 * @throws {AuditConfigurationError} when it cannot be written to.
 */
export async function openFileSink(options: FileSinkOptions): Promise<AuditSink> {
  const sink = new FileSink(options);
  try {
    await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
    await sink.open();
  } catch (cause) {
    throw new AuditConfigurationError(`cannot open the audit log ${options.path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  return sink;
}

class FileSink implements AuditSink {
  readonly name = "file";
  readonly retry = { firstMilliseconds: 100, maxMilliseconds: 5000 };
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #isRegular = false;
  /** Device and inode. */
  #identity = "";
  #size = 0;
  #begunAt = 0;
  /** The file may end in the middle of a line. */
  #isTorn = false;
  #syncedAt = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const file = await open(this.#options.path, "a+", 0o600);
    this.#file = file;
    const found = await file.stat();
    this.#isRegular = found.isFile();
    this.#identity = identityOf(found);
    this.#size = this.#isRegular ? found.size : 0;
    this.#begunAt = found.birthtimeMs;
    this.#isTorn = this.#size > 0 && (await lastByteOf(file, this.#size)) !== LINE_BREAK;
    if (!this.#isRegular) return;
    await file.chmod(0o600);
    await this.#prune();
  }

  async write(lines: readonly string[]): Promise<void> {
    await this.#followName();
    // Without events, a line break shows whether the file takes any; readers skip empty lines.
    const text = lines.length === 0 ? "\n" : `${lines.join("\n")}\n`;
    const bytes = Buffer.from(this.#isTorn ? `\n${text}` : text);
    if (this.#isOutgrown(bytes.length)) await this.#rotate();
    await this.#append(bytes);
    await this.#sync();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    if (this.#isRegular) await file.datasync().catch(() => undefined);
    await file.close();
  }

  #isOutgrown(added: number): boolean {
    const { maxSizeMegabytes, rotateHours, clock } = this.#options;
    if (!this.#isRegular || this.#size === 0) return false;
    if (maxSizeMegabytes > 0 && this.#size + added > maxSizeMegabytes * MEGABYTE) return true;
    return rotateHours > 0 && clock.now().getTime() - this.#begunAt >= rotateHours * HOUR_MILLISECONDS;
  }

  async #rotate(): Promise<void> {
    await this.#handle().datasync();
    await putAside(this.#options.path, this.#options.clock.now());
    await this.#reopen();
    this.#begunAt = this.#options.clock.now().getTime();
  }

  /** Somebody else may put the file aside too, as logrotate does: then a new one is begun. */
  async #followName(): Promise<void> {
    if (this.#file === undefined) return this.open();
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MILLISECONDS) return;
    this.#lookedAt = now;
    const found = await stat(this.#options.path).catch(() => undefined);
    if (found === undefined || identityOf(found) !== this.#identity) await this.#reopen();
    else if (this.#isRegular && found.size < this.#size) this.#size = found.size;
  }

  async #reopen(): Promise<void> {
    const old = this.#file;
    this.#file = undefined;
    await old?.close();
    await this.open();
    await syncDirectory(dirname(this.#options.path));
  }

  async #append(bytes: Buffer): Promise<void> {
    const file = this.#handle();
    let written = 0;
    try {
      while (written < bytes.length) {
        written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
      }
    } catch (error) {
      if (written > 0) await this.#takeBack();
      // What stands in the way may be cleared by putting another file in place.
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
    this.#size += bytes.length;
    this.#isTorn = false;
  }

  /** What was written of a batch that did not fit goes away again, or it would be there twice after the next try. */
  async #takeBack(): Promise<void> {
    try {
      if (this.#isRegular) await this.#handle().truncate(this.#size);
    } catch {
      this.#isTorn = true;
    }
  }

  async #sync(): Promise<void> {
    const now = performance.now();
    if (!this.#isRegular) return;
    if (this.#options.sync === "everySecond" && now - this.#syncedAt < SYNC_MILLISECONDS) return;
    await this.#handle().datasync();
    this.#syncedAt = now;
  }

  async #prune(): Promise<void> {
    const { path, clock, logger } = this.#options;
    try {
      await prune(path, this.#options, clock.now());
    } catch (err) {
      logger.warn({ err, path }, "old audit logs could not be removed");
    }
  }

  #handle(): FileHandle {
    if (this.#file === undefined) throw new Error(`${this.#options.path} is not open`);
    return this.#file;
  }
}

function identityOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

async function lastByteOf(file: FileHandle, size: number): Promise<number | undefined> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0];
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
