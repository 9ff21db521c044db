import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { followTokens, type TokenChange } from "../../../services/certificate-authority/access/token-feed.ts";
import {
  type BootstrapTokenRecord,
  revisionOf,
} from "../../../services/certificate-authority/domain/bootstrap-token.ts";
import { FakeBootstrapTokens } from "../../fakes/bootstrap-tokens.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const HASH = new Uint8Array([1]);

function token(id: string, more: Partial<BootstrapTokenRecord> = {}): BootstrapTokenRecord {
  const names = { id, description: "", extraGroups: [], nodeName: undefined, createdBy: "alice" };
  return { ...names, createdAt: new Date(START), expiresAt: undefined, ...more };
}

function setUp() {
  const inner = new FakeBootstrapTokens();
  const clock = new SettableClock(new Date(START).toISOString());
  return { inner, clock, ...followTokens(inner, clock) };
}

/** What a subscriber is told, as `TYPE id description`. */
function listen(feed: ReturnType<typeof setUp>["feed"], after = feed.revision()) {
  const told: string[] = [];
  const revisions: number[] = [];
  const errors: Error[] = [];
  const onChanges = (changes: readonly TokenChange[]): void => {
    for (const { type, revision, stored } of changes) {
      told.push(`${type} ${stored.token.id} ${stored.token.description}`.trim());
      revisions.push(revision);
    }
  };
  const subscription = feed.subscribe(after, onChanges, (error) => errors.push(error));
  return { told, revisions, errors, subscription };
}

test("every change is told once, in order, with growing revisions, also when the clock stands still", async () => {
  const { tokens, feed } = setUp();
  const { told, revisions } = listen(feed);
  await turn();
  await tokens.create(token("aaaaaa"), HASH);
  await tokens.create(token("bbbbbb", { expiresAt: new Date(START - 1) }), HASH);
  const stored = tokens.find("aaaaaa")?.token ?? token("");
  await tokens.update({ ...stored, description: "changed" }, revisionOf(stored), "bob");
  await tokens.removeExpired(new Date(START));
  await tokens.remove("aaaaaa", "bob");
  expect(await tokens.remove("aaaaaa", "bob")).toBe(false);
  expect(told).toEqual([
    "ADDED aaaaaa",
    "ADDED bbbbbb",
    "MODIFIED aaaaaa changed",
    "DELETED bbbbbb",
    "DELETED aaaaaa changed",
  ]);
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  expect(new Set(revisions).size).toBe(5);
  expect(feed.revision()).toBe(revisions.at(-1));
});

test("what is refused is not told", async () => {
  const { tokens, feed } = setUp();
  const { told } = listen(feed);
  await turn();
  await tokens.create(token("aaaaaa"), HASH);
  await expect(tokens.create(token("aaaaaa"), HASH)).rejects.toMatchObject({ reason: "AlreadyExists" });
  await expect(tokens.update(token("aaaaaa"), 1, "bob")).rejects.toMatchObject({ reason: "Conflict" });
  await expect(tokens.update(token("bbbbbb"), 1, "bob")).rejects.toMatchObject({ reason: "NotFound" });
  expect(told).toEqual(["ADDED aaaaaa"]);
});

test("who comes late is told what is after the revision, and what happens meanwhile, in order", async () => {
  const { tokens, feed } = setUp();
  await tokens.create(token("aaaaaa"), HASH);
  const after = feed.revision();
  await tokens.create(token("bbbbbb"), HASH);
  const { told } = listen(feed, after);
  expect(told).toEqual([]);
  await tokens.create(token("cccccc"), HASH);
  await turn();
  await tokens.create(token("dddddd"), HASH);
  expect(told).toEqual(["ADDED bbbbbb", "ADDED cccccc", "ADDED dddddd"]);
});

test("what is too long ago, or before the start, has expired", async () => {
  const { tokens, feed } = setUp();
  const first = feed.revision();
  expect(() => listen(feed, first - 1)).toThrow(expect.objectContaining({ reason: "Expired" }));
  for (let count = 0; count <= 1_000; count += 1) {
    await tokens.create(token("aaaaaa"), HASH);
    await tokens.remove("aaaaaa");
  }
  expect(() => listen(feed, first)).toThrow(expect.objectContaining({ reason: "Expired" }));
  expect(feed.compactedRevision()).toBeGreaterThan(first);
});

test("a subscriber that fails is told so and nothing more; others go on", async () => {
  const { tokens, feed } = setUp();
  const errors: Error[] = [];
  const fail = (): void => {
    throw new Error("broken");
  };
  feed.subscribe(feed.revision(), fail, (error) => errors.push(error));
  const { told, subscription } = listen(feed);
  await turn();
  await tokens.create(token("aaaaaa"), HASH);
  await tokens.create(token("bbbbbb"), HASH);
  expect(errors.map(({ message }) => message)).toEqual(["broken"]);
  expect(told).toHaveLength(2);
  subscription.close();
  await tokens.create(token("cccccc"), HASH);
  expect(told).toHaveLength(2);
});

test("a clock that was set back does not put revisions back", async () => {
  const { inner, tokens, feed } = setUp();
  await inner.create(token("aaaaaa", { revision: START + 60_000 }), HASH);
  await tokens.list();
  expect(feed.revision()).toBe(START + 60_000);
});
