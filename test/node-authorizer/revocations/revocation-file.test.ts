import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseRevocations, revocationFile } from "../../../services/node-authorizer/revocations/revocation-file.ts";
import type { RevocationSource } from "../../../services/node-authorizer/revocations/revocation-list.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const directory = temporaryDirectory();
const ONE = "0a".repeat(32);
const TWO = "fb".repeat(32);
const COLONED = ONE.toUpperCase().replaceAll(/(..)(?=.)/g, "$1:");

test.each([
  { name: "nothing", content: "", fingerprints: [], nodeNames: [] },
  { name: "remarks", content: "# all\n\n   # of them\n", fingerprints: [], nodeNames: [] },
  { name: "plain digits", content: ONE, fingerprints: [ONE], nodeNames: [] },
  { name: "as openssl prints them", content: `${COLONED} # n1\n`, fingerprints: [ONE], nodeNames: [] },
  {
    name: "as kube-apiserver names them",
    content: `X509SHA256=${TWO.toUpperCase()}\r\n`,
    fingerprints: [TWO],
    nodeNames: [],
  },
  {
    name: "nodes",
    content: `node/n1\n${ONE}\nnode/a.b-c.example\n`,
    fingerprints: [ONE],
    nodeNames: ["n1", "a.b-c.example"],
  },
])("a list of revocations: $name", ({ content, fingerprints, nodeNames }) => {
  const parsed = parseRevocations(content);
  expect([...parsed.fingerprints]).toEqual(fingerprints);
  expect([...parsed.nodeNames]).toEqual(nodeNames);
});

test.each([
  { name: "a short fingerprint", entry: ONE.slice(2) },
  { name: "a long fingerprint", entry: `${ONE}00` },
  { name: "a SHA-1 fingerprint", entry: "0a".repeat(20) },
  { name: "a node without a name", entry: "node/" },
  { name: "a node in upper case", entry: "node/N1" },
  { name: "anything else", entry: "serial 17" },
])("a list with $name is none, and the line is named", ({ entry }) => {
  expect(() => parseRevocations(`${TWO}\n${entry}\n`)).toThrow(/^line 2 /);
});

test("property: no text crashes or hangs", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 500 }), (content) => {
      try {
        for (const each of parseRevocations(content).fingerprints) expect(each).toMatch(/^[0-9a-f]{64}$/);
      } catch (error) {
        expect((error as Error).message).toMatch(/^line \d+ is neither/);
      }
    }),
  );
});

let source: RevocationSource | undefined;
afterEach(async () => {
  await source?.stop();
});

function open(content?: string) {
  const path = join(directory, `${Math.random()}.txt`);
  if (content !== undefined) writeFileSync(path, content);
  const { logger, lines } = recordingLogger();
  const clock = new SettableClock();
  source = revocationFile(path, clock, logger);
  return { path, lines, clock, source };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = Date.now() + 10_000; !isSo(); ) {
    if (Date.now() > limit) throw new Error("it never came to that");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a file that changes is read again, also one that is put in its place", async () => {
  const { path, source: opened } = open(ONE);
  expect(opened.current()).toBeUndefined();
  await opened.start();
  expect(opened.current()?.fingerprints.has(ONE)).toBe(true);
  writeFileSync(`${path}.new`, `${ONE}\n${TWO}\n`);
  renameSync(`${path}.new`, path);
  await until(() => opened.current()?.fingerprints.has(TWO) === true);
});

test("a file that turns bad is told once, and what it said before stays in force", async () => {
  const { path, source: opened, lines } = open(ONE);
  await opened.start();
  writeFileSync(path, "nonsense that is longer");
  await until(() => lines.some(({ level }) => level === "error"));
  expect(opened.current()?.fingerprints.has(ONE)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  writeFileSync(path, TWO);
  await until(() => opened.current()?.fingerprints.has(TWO) === true);
  expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
});

test.each([
  { name: "a file that is not there", content: undefined, says: /ENOENT.*make an empty one/ },
  { name: "a file with a bad line", content: "x", says: /line 1/ },
])("$name is refused at the start, with the flag", async ({ content, says }) => {
  const { source: opened } = open(content);
  await expect(opened.start()).rejects.toThrow(says);
  await expect(opened.start()).rejects.toThrow(/^--revocations /);
});
