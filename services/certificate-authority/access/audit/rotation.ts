import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

export interface RotationSettings {
  /** A file that would grow beyond this is put aside; 0 for never. */
  readonly maxSizeMegabytes: number;
  /** A file this old is put aside; 0 for never. */
  readonly rotateHours: number;
  /** Files put aside longer ago than this are removed; 0 keeps them. */
  readonly maxAgeDays: number;
  /** How many files put aside are kept; 0 keeps all. */
  readonly maxBackups: number;
}

const DAY_MILLISECONDS = 86_400_000;
/** As kube-apiserver names them: `audit-2026-01-02T03-04-05.678.log`. */
const STAMP = /^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d{3}$/;

/** A file that was put aside. */
export interface RotatedFile {
  readonly path: string;
  readonly rotatedAt: Date;
}

/** Puts the file at `path` aside under the instant's name, or a later one when that is taken. */
export async function putAside(path: string, now: Date): Promise<void> {
  const taken = new Set((await rotatedFiles(path)).map(({ rotatedAt }) => rotatedAt.getTime()));
  let at = now.getTime();
  while (taken.has(at)) at += 1;
  await rename(path, rotatedPath(path, new Date(at)));
}

/** Removes the files put aside that are too many or too old. */
export async function prune(path: string, settings: RotationSettings, now: Date): Promise<readonly string[]> {
  const { maxAgeDays, maxBackups } = settings;
  const newestFirst = (await rotatedFiles(path)).toReversed();
  const oldest = now.getTime() - maxAgeDays * DAY_MILLISECONDS;
  const outlived = newestFirst.filter(
    ({ rotatedAt }, index) =>
      (maxBackups > 0 && index >= maxBackups) || (maxAgeDays > 0 && rotatedAt.getTime() < oldest),
  );
  await Promise.all(outlived.map((file) => rm(file.path, { force: true })));
  return outlived.map((file) => file.path);
}

/** The files put aside of the log at `path`, the oldest first. */
async function rotatedFiles(path: string): Promise<readonly RotatedFile[]> {
  const directory = dirname(path);
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const files = (await readdir(directory)).flatMap((name) => {
    if (!name.startsWith(prefix) || !name.endsWith(extension)) return [];
    const rotatedAt = instantOf(name.slice(prefix.length, name.length - extension.length));
    return rotatedAt === undefined ? [] : [{ path: join(directory, name), rotatedAt }];
  });
  return files.sort((left, right) => left.rotatedAt.getTime() - right.rotatedAt.getTime());
}

function rotatedPath(path: string, at: Date): string {
  const extension = extname(path);
  const stamp = at.toISOString().slice(0, 23).replaceAll(":", "-");
  return join(dirname(path), `${basename(path, extension)}-${stamp}${extension}`);
}

function instantOf(stamp: string): Date | undefined {
  if (!STAMP.test(stamp)) return undefined;
  const [day = "", time = ""] = stamp.split("T");
  const at = new Date(`${day}T${time.replaceAll("-", ":")}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}
