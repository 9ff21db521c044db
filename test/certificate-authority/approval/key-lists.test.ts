import { createHash } from "node:crypto";
import { renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { openKeyLists } from "../../../services/certificate-authority/approval/key-lists.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const ONE = "0123456789abcdef".repeat(4);
const TWO = "fedcba9876543210".repeat(4);
const DIGEST = "00112233445566778899aabbccddeeff01234567";

let file: string;
beforeEach(() => {
  file = join(temporaryDirectory(), "keys.txt");
});

function open(text: string, setting: "blockedKeysFile" | "weakKeysFile" = "blockedKeysFile") {
  writeFileSync(file, text);
  const { logger, lines } = recordingLogger();
  return { lists: openKeyLists({ [setting]: file }, logger), lines };
}

test.each([
  { name: "a plain entry", text: `${ONE}\n`, blocked: true },
  { name: "no line feed at the end", text: ONE, blocked: true },
  {
    name: "upper case, spaces, comments and empty lines",
    text: `# a\n\r\n  ${ONE.toUpperCase()} # b\r\n`,
    blocked: true,
  },
  { name: "an entry that is commented out", text: `# ${ONE}\n`, blocked: false },
  { name: "an empty file", text: "", blocked: false },
  { name: "another entry", text: TWO, blocked: false },
])("blocked keys: $name", ({ text, blocked }) => {
  const { lists } = open(text);
  expect(lists.isBlocked(ONE)).toBe(blocked);
  expect(lists.isDebianWeak(ONE)).toBe(false);
});

test.each([
  { name: "the last 80 bits, as Debian lists them", text: `# comment\n${DIGEST.slice(20)}\n`, weak: true },
  { name: "the whole digest", text: DIGEST, weak: true },
  { name: "the first 80 bits", text: DIGEST.slice(0, 20), weak: false },
])("Debian's keys: $name", ({ text, weak }) => {
  const { lists } = open(text, "weakKeysFile");
  expect(lists.isDebianWeak(DIGEST)).toBe(weak);
  expect(lists.isBlocked(DIGEST)).toBe(false);
});

test("an entry is what Debian's own command makes of a key", () => {
  const keyFile = `${file}.pem`;
  openssl("genrsa", "-out", keyFile, "2048");
  const modulusLine = openssl("rsa", "-in", keyFile, "-noout", "-modulus");
  const digest = createHash("sha1").update(modulusLine).digest("hex");
  const { lists } = open(`${digest.slice(20)}\n`, "weakKeysFile");
  expect(lists.isDebianWeak(digest)).toBe(true);
});

test.each([
  { name: "a missing file", prepare: () => undefined, says: /cannot use .*keys\.txt: ENOENT/ },
  { name: "a line that is no entry", prepare: () => writeFileSync(file, `${ONE}\n\n${ONE}0\n`), says: /line 3 is no/ },
  { name: "a Debian entry", prepare: () => writeFileSync(file, DIGEST.slice(20)), says: /line 1 is no entry: 64 hex/ },
  {
    name: "a huge file",
    prepare: () => {
      writeFileSync(file, "");
      truncateSync(file, 32 * 1024 * 1024 + 1);
    },
    says: /larger than 33554432 bytes/,
  },
])("refuses to start with $name", ({ prepare, says }) => {
  prepare();
  const { logger } = recordingLogger();
  expect(() => openKeyLists({ blockedKeysFile: file }, logger)).toThrow(
    expect.objectContaining({ name: "KeyListError", message: expect.stringMatching(says) }),
  );
  expect(() => openKeyLists({ blockedKeysFile: file }, logger)).toThrow(/^keyPolicy\.blockedKeysFile: /);
});

/** Puts another file in its place, as careful writers do. */
function replace(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

test("a changed file is read again; a bad one is reported once and changes nothing", async () => {
  const { lists, lines } = open(ONE);
  const errors = () => lines.filter(({ level }) => level === "error").map(({ problem }) => problem);
  expect(await lists.due()).toEqual([]);
  replace(TWO);
  expect(await lists.due()).toEqual([file]);
  expect(lists.isBlocked(ONE)).toBe(true);
  await lists.reload();
  expect([lists.isBlocked(ONE), lists.isBlocked(TWO)]).toEqual([false, true]);
  replace(`${ONE}\nnonsense\n`);
  await lists.reload();
  await lists.reload();
  expect([lists.isBlocked(ONE), lists.isBlocked(TWO)]).toEqual([false, true]);
  expect(errors()).toEqual([expect.stringMatching(/^line 2 is no entry/)]);
  expect(await lists.due()).toEqual([file]);
  rmSync(file);
  expect(await lists.due()).toEqual([file]);
  await lists.reload();
  expect(lists.isBlocked(TWO)).toBe(true);
  expect(errors()).toHaveLength(2);
  replace(ONE);
  await lists.reload();
  expect([lists.isBlocked(ONE), lists.isBlocked(TWO)]).toEqual([true, false]);
  expect(lines.at(-1)).toMatchObject({ level: "info", entries: 1 });
});

test("a file that did not change is not read again", async () => {
  const { lists, lines } = open(ONE);
  await lists.reload();
  expect(lines).toHaveLength(1);
});

test("without files nothing is listed", async () => {
  const lists = openKeyLists({}, recordingLogger().logger);
  await lists.reload();
  expect([lists.isBlocked(ONE), lists.isDebianWeak(DIGEST)]).toEqual([false, false]);
});
