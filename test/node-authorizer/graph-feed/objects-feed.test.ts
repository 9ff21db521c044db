import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { objectsFeed } from "../../../services/node-authorizer/graph-feed/objects-feed.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const directory = temporaryDirectory();

const pod = (name: string, secretName: string, more: object = { apiVersion: "v1", kind: "Pod" }) => ({
  ...more,
  metadata: { name, namespace: "shop", uid: `uid-${name}` },
  spec: { nodeName: "n1", containers: [{ envFrom: [{ secretRef: { name: secretName } }] }] },
});
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "database", namespace: "shop" } };
const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

function feedOf(source: string, more: { readonly input?: PassThrough; readonly isFinite?: boolean } = {}) {
  const graph = createNodeAuthorizer();
  const { logger, lines } = recordingLogger();
  const feed = objectsFeed({ source, graph, clock: new SettableClock(), logger, ...more });
  const readable = () =>
    graph
      .readableBy("n1")
      .objects.filter(({ kind }) => kind === "secret")
      .map(({ name }) => name);
  return { graph, feed, lines, readable };
}

function file(content: string): string {
  const path = join(directory, `${Math.random()}.txt`);
  writeFileSync(path, content);
  return path;
}

const LIST = { apiVersion: "v1", kind: "List", items: [pod("a", "one"), secret, pod("b", "two")] };
const TYPED_LIST = { apiVersion: "v1", kind: "PodList", items: [pod("a", "one", {}), pod("b", "two", {})] };

test.each([
  { name: "a List on one line", content: JSON.stringify(LIST) },
  { name: "a List over many lines", content: JSON.stringify(LIST, null, 2) },
  { name: "a List of one kind, whose items do not say it", content: JSON.stringify(TYPED_LIST) },
  { name: "a List in YAML", content: stringify(LIST) },
  {
    name: "several documents in YAML",
    content: `${stringify(pod("a", "one"))}---\n${stringify(pod("b", "two"))}---\n`,
  },
  { name: "events", content: line("ADDED", pod("a", "one")) + line("ADDED", secret) + line("ADDED", pod("b", "two")) },
  {
    name: "events between empty lines",
    content: `\n${line("ADDED", pod("a", "one"))}\r\n\n${line("ADDED", pod("b", "two"))}`,
  },
  {
    name: "events with what only Unicode calls a line's end",
    content: line("ADDED", { ...pod("a", "one"), note: "\u2028\u2029\u0085" }) + line("ADDED", pod("b", "two")),
  },
  {
    name: "a List over many lines with what only Unicode calls a line's end",
    content: JSON.stringify({ ...LIST, note: "\u2028" }, null, 2),
  },
  {
    name: "a last line without an end",
    content: (line("ADDED", pod("a", "one")) + line("ADDED", pod("b", "two"))).trim(),
  },
  { name: "a list, then events", content: `${JSON.stringify(LIST)}\n${line("BOOKMARK", { metadata: {} })}` },
  {
    name: "events that take away and change",
    content:
      line("ADDED", pod("a", "one")) +
      line("ADDED", pod("c", "three")) +
      line("DELETED", pod("c", "three")) +
      line("ADDED", pod("b", "two")),
  },
])("$name", async ({ content }) => {
  const { feed, readable } = feedOf(file(content));
  expect(feed.status().isSynced).toBe(false);
  await feed.start();
  expect(readable().sort()).toEqual(["one", "two"]);
  expect(feed.status()).toMatchObject({ source: "objects", isSynced: true, refused: 0 });
});

test.each([
  { name: "a file that is not there", path: join(directory, "none"), says: /ENOENT/ },
  {
    name: "a line that is no JSON",
    content: `${line("ADDED", pod("a", "one"))}{"type":\n`,
    says: /line 2: is no JSON/,
  },
  { name: "an unknown type", content: line("PATCHED", pod("a", "one")), says: /line 1: type is "PATCHED"/ },
  { name: "an object without a kind", content: '{"metadata":{}}', says: /no apiVersion and kind/ },
  {
    name: "an object without a name",
    content: line("ADDED", { ...pod("a", "one"), metadata: {} }),
    says: /line 1: .*name/,
  },
  { name: "a text", content: "hello", says: /expected an object, found "hello"/ },
  {
    name: "a list of no objects",
    content: '{"apiVersion":"v1","kind":"List","items":["x"]}',
    says: /expected an object/,
  },
  { name: "YAML that is none", content: "a: [b\nc: d", says: /./ },
])("$name: refused at the start, with where it is", async ({ path, content, says }) => {
  const source = path ?? file(content ?? "");
  const { feed } = feedOf(source);
  const attempt = feed.start();
  await expect(attempt).rejects.toThrow(says);
  await expect(attempt).rejects.toThrow(source);
  expect(feed.status().isSynced).toBe(false);
});

test("standard input is taken as it comes; what is wrong with a line is told, and the next one taken", async () => {
  const input = new PassThrough();
  const { feed, readable, lines } = feedOf("-", { input });
  await feed.start();
  expect(feed.status().isSynced).toBe(true);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
  input.write(line("ADDED", pod("a", "one")));
  await settled();
  expect(readable()).toEqual(["one"]);
  input.write("no event\n");
  input.write(line("ADDED", pod("b", "two")).slice(0, 20));
  await settled();
  expect(feed.status()).toMatchObject({ refused: 1 });
  expect(lines.at(-1)).toMatchObject({ level: "error", line: 2 });
  input.write(line("ADDED", pod("b", "two")).slice(20));
  input.write(line("DELETED", pod("a", "one")));
  await settled();
  expect(readable()).toEqual(["two"]);
  input.end();
  await settled();
  expect(readable()).toEqual(["two"]);
  expect(lines.at(-1)).toMatchObject({ msg: "standard input has ended; the graph stays as it is" });
});

test("standard input for a few questions is read to its end first", async () => {
  const input = new PassThrough();
  const { feed, readable } = feedOf("-", { input, isFinite: true });
  const started = feed.start();
  input.end(stringify(LIST));
  await started;
  expect(readable().sort()).toEqual(["one", "two"]);
});
