import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import {
  type FileSinkOptions,
  openFileSink,
} from "../../../../services/certificate-authority/access/audit/file-sink.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const KEEP_ALL = { maxSizeMegabytes: 0, rotateHours: 0, maxAgeDays: 0, maxBackups: 0 };
const MEGABYTE = 1024 * 1024;

async function setUp(overrides: Partial<FileSinkOptions> = {}) {
  const directory = overrides.path === undefined ? temporaryDirectory() : join(overrides.path, "..");
  const path = overrides.path ?? join(directory, "audit.log");
  const clock = new SettableClock(new Date());
  const { logger, lines } = recordingLogger();
  const sink = await openFileSink({ path, ...KEEP_ALL, sync: "everyBatch", clock, logger, ...overrides });
  return { directory, path, clock, sink, lines, read: () => readFileSync(path, "utf8") };
}

/** A line of that many octets, its break included. */
const line = (octets: number, letter = "x") => letter.repeat(octets - 1);

test("lines are appended to a private file in a private directory", async () => {
  const path = join(temporaryDirectory(), "new", "audit.log");
  const { sink, read } = await setUp({ path });
  await sink.write(["a", "b"]);
  await sink.write(["c"]);
  await sink.close();
  expect(read()).toBe("a\nb\nc\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
});

test("an existing log goes on and becomes private", async () => {
  const path = join(temporaryDirectory(), "audit.log");
  writeFileSync(path, "old\n", { mode: 0o644 });
  const { sink, read } = await setUp({ path });
  await sink.write(["new"]);
  await sink.close();
  expect(read()).toBe("old\nnew\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a line that a crash tore stands alone", async () => {
  const path = join(temporaryDirectory(), "audit.log");
  writeFileSync(path, 'whole\n{"half":');
  const { sink, read } = await setUp({ path });
  await sink.write(["new"]);
  await sink.close();
  expect(read()).toBe('whole\n{"half":\nnew\n');
});

test("without events a line break shows that the file takes them", async () => {
  const { sink, read } = await setUp();
  await sink.write([]);
  await sink.close();
  expect(read()).toBe("\n");
});

test("the file is put aside before it would grow beyond its limit", async () => {
  const { sink, directory, clock, read } = await setUp({ maxSizeMegabytes: 1 });
  await sink.write([line(MEGABYTE - 10)]);
  await sink.write([line(10, "y")]);
  expect(readdirSync(directory)).toEqual(["audit.log"]);
  await sink.write([line(2, "z")]);
  await sink.write([line(MEGABYTE)]);
  await sink.close();
  const stamp = clock.now().toISOString().slice(0, 23).replaceAll(":", "-");
  const later = new Date(clock.now().getTime() + 1).toISOString().slice(0, 23).replaceAll(":", "-");
  expect(readdirSync(directory).sort()).toEqual([`audit-${stamp}.log`, `audit-${later}.log`, "audit.log"]);
  expect(readFileSync(join(directory, `audit-${stamp}.log`)).length).toBe(MEGABYTE);
  expect(readFileSync(join(directory, `audit-${later}.log`), "utf8")).toBe("z\n");
  expect(read()).toBe(`${line(MEGABYTE)}\n`);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
});

test("the file is put aside when it is old enough", async () => {
  const { sink, directory, clock, read } = await setUp({ rotateHours: 24 });
  await sink.write(["a"]);
  clock.advance(24 * 3600 - 10);
  await sink.write(["b"]);
  expect(readdirSync(directory)).toHaveLength(1);
  clock.advance(20);
  await sink.write(["c"]);
  await sink.write(["d"]);
  await sink.close();
  expect(readdirSync(directory)).toHaveLength(2);
  expect(read()).toBe("c\nd\n");
});

test("files put aside are removed by number, the oldest first, and nothing else is", async () => {
  const { sink, directory, clock } = await setUp({ maxSizeMegabytes: 1, maxBackups: 2 });
  writeFileSync(join(directory, "audit-report.log"), "mine");
  writeFileSync(join(directory, "other-2026-01-01T00-00-00.000.log"), "mine");
  for (const letter of ["a", "b", "c", "d"]) {
    clock.advance(1);
    await sink.write([line(MEGABYTE, letter)]);
  }
  await sink.close();
  const aside = readdirSync(directory).filter((name) => /^audit-\d/.test(name));
  expect(aside.map((name) => readFileSync(join(directory, name), "utf8")[0])).toEqual(["b", "c"]);
  expect(existsSync(join(directory, "audit-report.log"))).toBe(true);
  expect(existsSync(join(directory, "other-2026-01-01T00-00-00.000.log"))).toBe(true);
});

test.each([
  { name: "younger than the limit", days: 6.99, isKept: true },
  { name: "older", days: 7.01, isKept: false },
])("a file put aside: $name", async ({ days, isKept }) => {
  const directory = temporaryDirectory();
  const at = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 23).replaceAll(":", "-");
  writeFileSync(join(directory, `audit-${at}.log`), "old\n");
  const { sink } = await setUp({ path: join(directory, "audit.log"), maxAgeDays: 7 });
  await sink.close();
  expect(existsSync(join(directory, `audit-${at}.log`))).toBe(isKept);
});

test("a file that somebody else put aside is followed by a new one", async () => {
  const { sink, path, read } = await setUp();
  await sink.write(["a"]);
  renameSync(path, `${path}.1`);
  await sink.close();
  const again = await setUp({ path });
  renameSync(path, `${path}.2`);
  await again.sink.write(["b"]);
  await again.sink.close();
  expect(read()).toBe("b\n");
  expect(readFileSync(`${path}.1`, "utf8")).toBe("a\n");
});

test("a full disk fails every write; a disk with room again takes what comes, nothing twice, nothing torn", async () => {
  const { sink, path, read } = await setUp();
  await sink.write(["before"]);
  renameSync(path, `${path}.kept`);
  symlinkSync("/dev/full", path);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(sink.write(["during"])).rejects.toMatchObject({ code: "ENOSPC" });
  }
  renameSync(`${path}.kept`, path);
  await sink.write(["during"]);
  await sink.close();
  expect(read()).toBe("before\nduring\n");
});

test("a batch that fits in part is taken back: nothing of it is there, nor twice later", () => {
  const path = join(temporaryDirectory(), "audit.log");
  const writer = fileURLToPath(new URL("./limited-writer.ts", import.meta.url));
  // The file may have 4 KiB: of the second batch two thirds would fit.
  const command = 'ulimit -f 4 && exec "$0" --disable-warning=ExperimentalWarning "$1" "$2"';
  const { stdout } = spawnSync("bash", ["-c", command, process.execPath, writer, path], { encoding: "utf8" });
  expect(stdout).toBe("kept EFBIG kept ");
  expect(readFileSync(path, "utf8").replaceAll(/(.)\1*\n/g, "$1")).toBe("aac");
});

test("a log that cannot be opened is refused by its name", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "file"), "");
  await expect(setUp({ path: join(directory, "file", "audit.log") })).rejects.toThrow(
    `cannot open the audit log ${join(directory, "file", "audit.log")}`,
  );
  await expect(setUp({ path: directory })).rejects.toThrow(`cannot open the audit log ${directory}`);
});

test("a process that is killed leaves whole lines, and the next one goes on after them", async () => {
  const path = join(temporaryDirectory(), "audit.log");
  const child = spawn(process.execPath, [fileURLToPath(new URL("./killed-writer.ts", import.meta.url)), path], {
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  appendFileSync(path, '{"torn');
  const { sink, read } = await setUp({ path });
  await sink.write(['{"after":true}']);
  await sink.close();
  const lines = read().split("\n").filter(Boolean);
  const readable = lines.filter((text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  });
  expect(lines.length - readable.length).toBe(1);
  expect(readable.length).toBeGreaterThan(100);
  expect(readable.slice(0, -1).map((text) => JSON.parse(text).number)).toEqual(
    readable.slice(0, -1).map((_, index) => index),
  );
});
