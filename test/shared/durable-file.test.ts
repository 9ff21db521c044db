import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import {
  type DurableFileOptions,
  fillFileDurably,
  removeLeftovers,
  writeFileDurably,
} from "../../services/shared/durable-file.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const REPLACED: DurableFileOptions = { mode: 0o600, existing: "replaced" };
const KEPT: DurableFileOptions = { mode: 0o600, existing: "kept" };

let home: string;
let path: string;
beforeEach(() => {
  home = temporaryDirectory();
  path = join(home, "file");
});

const names = (): readonly string[] => readdirSync(home).toSorted();

test.each([
  { name: "text", content: "päivää\n", bytes: Buffer.from("päivää\n") },
  { name: "octets", content: Uint8Array.of(0, 255, 10), bytes: Buffer.of(0, 255, 10) },
  { name: "nothing", content: "", bytes: Buffer.alloc(0) },
])("$name is written as it is, for the owner alone, and nothing else is left", async ({ content, bytes }) => {
  await writeFileDurably(path, content, KEPT);
  expect(readFileSync(path)).toEqual(bytes);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(names()).toEqual(["file"]);
});

test("a file that is replaced gets the new content and the new mode", async () => {
  writeFileSync(path, "old and longer", { mode: 0o644 });
  await writeFileDurably(path, "new", REPLACED);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(names()).toEqual(["file"]);
});

test("a file that is kept refuses the new one", async () => {
  writeFileSync(path, "precious");
  await expect(writeFileDurably(path, "new", KEPT)).rejects.toMatchObject({ code: "EEXIST" });
  expect(readFileSync(path, "utf8")).toBe("precious");
  expect(names()).toEqual(["file"]);
});

test("a file that appears while its rival is written is kept as well", async () => {
  const writing = fillFileDurably(path, KEPT, async (file) => {
    writeFileSync(path, "faster");
    await file.writeFile("slower");
  });
  await expect(writing).rejects.toMatchObject({ code: "EEXIST" });
  expect(readFileSync(path, "utf8")).toBe("faster");
  expect(names()).toEqual(["file"]);
});

test.each([REPLACED, KEPT])("of many writers at once, none spoils another's file: $existing", async (options) => {
  const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(10_000));
  const outcomes = await Promise.allSettled(contents.map((content) => writeFileDurably(path, content, options)));
  const written = outcomes.filter(({ status }) => status === "fulfilled").length;
  expect(written).toBe(options.existing === "kept" ? 1 : contents.length);
  expect(contents).toContain(readFileSync(path, "utf8"));
  expect(names()).toEqual(["file"]);
});

test("what is filled bit by bit, through the handle or by the path, is seen only when it is whole", async () => {
  const result = await fillFileDurably(path, KEPT, async (file, temporaryPath) => {
    expect(statSync(temporaryPath).mode & 0o777).toBe(0o600);
    await file.writeFile("one ");
    await appendFile(temporaryPath, "two ");
    expect(names()).not.toContain("file");
    return "filled";
  });
  expect({ result, content: readFileSync(path, "utf8") }).toEqual({ result: "filled", content: "one two " });
});

test("filling that fails leaves no trace, not even what SQLite puts beside a file", async () => {
  writeFileSync(path, "precious");
  const filling = fillFileDurably(path, REPLACED, async (file, temporaryPath) => {
    await file.writeFile("half");
    writeFileSync(`${temporaryPath}-journal`, "");
    throw new Error("disk full");
  });
  await expect(filling).rejects.toThrow("disk full");
  expect(readFileSync(path, "utf8")).toBe("precious");
  expect(names()).toEqual(["file"]);
});

test("a directory that is not there is told", async () => {
  await expect(writeFileDurably(join(home, "no", "file"), "", KEPT)).rejects.toMatchObject({ code: "ENOENT" });
});

test.each([
  { name: ".file.0123456789abcdef.tmp", ageSeconds: 61, isRemoved: true },
  { name: ".file.0123456789abcdef.tmp-journal", ageSeconds: 61, isRemoved: true },
  { name: ".file.0123456789abcdef.tmp-wal", ageSeconds: 61, isRemoved: true },
  { name: ".file.0123456789abcdef.tmp", ageSeconds: 50, isRemoved: false },
  { name: "file.0123456789abcdef.tmp", ageSeconds: 3600, isRemoved: false },
  { name: ".file.0123456789abcde.tmp", ageSeconds: 3600, isRemoved: false },
  { name: ".file.0123456789abcdef.tmp~", ageSeconds: 3600, isRemoved: false },
  { name: "notes.tmp", ageSeconds: 3600, isRemoved: false },
])("$name, $ageSeconds s old, is a leftover: $isRemoved", async ({ name, ageSeconds, isRemoved }) => {
  writeFileSync(join(home, name), "");
  const written = Date.now() / 1000 - ageSeconds;
  utimesSync(join(home, name), written, written);
  await removeLeftovers(home);
  expect(names()).toEqual(isRemoved ? [] : [name]);
});

test("a crash's leftover is what removeLeftovers knows", async () => {
  await fillFileDurably(path, KEPT, async (_, temporaryPath) => {
    utimesSync(temporaryPath, 0, 0);
    await removeLeftovers(home);
    expect(names()).toEqual([]);
    writeFileSync(temporaryPath, "again");
  });
  expect(readFileSync(path, "utf8")).toBe("again");
});
