import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { Change } from "../../../services/certificate-authority/domain/ports.ts";
import { openForReading } from "../../../services/certificate-authority/ledger/connection.ts";
import type { Ledger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { APPROVED, ISSUED, storedCsr } from "../../builders/stored-csr.ts";

let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
});

afterEach(() => opened.close());

const MORE_THAN_MEMORY_KEEPS = 5_000;

interface Watched {
  readonly changes: Change[];
  readonly errors: Error[];
  close(): void;
}

function watch({ requests }: Ledger, afterRevision: number, name?: string): Watched {
  const changes: Change[] = [];
  const errors: Error[] = [];
  const subscription = requests.subscribe(
    afterRevision,
    name === undefined ? {} : { name },
    (delivered) => changes.push(...delivered),
    (error) => errors.push(error),
  );
  return { changes, errors, close: () => subscription.close() };
}

const revisionsOf = (changes: readonly Change[]) => changes.map(({ revision }) => revision);

async function createMany({ requests }: Ledger, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => requests.create(storedCsr(name))));
}

function storedRevisions(): unknown {
  const connection = openForReading(opened.file);
  const revisions = connection.prepare("SELECT revision FROM changes ORDER BY revision").pluck().all();
  connection.close();
  return revisions;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

test("a watch sees each change after its revision with the object before it", async () => {
  const { requests } = opened.ledger;
  const before = await requests.create(storedCsr("a"));
  const { changes } = watch(opened.ledger, 2);
  const created = await requests.create(storedCsr("b"));
  const updated = await requests.update({ ...before, status: APPROVED });
  const removed = await requests.remove("b", {});
  expect(changes).toEqual([
    { type: "ADDED", revision: 3, object: created, previous: undefined },
    { type: "MODIFIED", revision: 4, object: updated, previous: before },
    { type: "DELETED", revision: 5, object: removed, previous: created },
  ]);
  expect(changes[1]?.object).toBe(updated);
});

test("a watch of one name sees no other", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  const late = watch(opened.ledger, 1, "b");
  const early = watch(opened.ledger, 2, "b");
  const b = await requests.create(storedCsr("b"));
  await requests.create(storedCsr("c"));
  await requests.update({ ...b, status: APPROVED });
  await until(() => late.changes.length === 2);
  expect(revisionsOf(late.changes)).toEqual([3, 5]);
  expect(revisionsOf(early.changes)).toEqual([3, 5]);
});

test("nothing is delivered before subscribing has returned, nor after closing", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a"));
  const watched = watch(opened.ledger, 1);
  expect(watched.changes).toEqual([]);
  await until(() => watched.changes.length > 0);
  watched.close();
  await requests.create(storedCsr("b"));
  expect(revisionsOf(watched.changes)).toEqual([2]);
  const closedAtOnce = watch(opened.ledger, 1);
  closedAtOnce.close();
  await nextTurn();
  await nextTurn();
  expect(closedAtOnce.changes).toEqual([]);
});

test.each([{ name: undefined }, { name: "many-3" }])(
  "a watch that starts before what memory holds catches up from the log: $name",
  async ({ name }) => {
    const { requests } = opened.ledger;
    await createMany(opened.ledger, MORE_THAN_MEMORY_KEEPS);
    const watched = watch(opened.ledger, 1, name);
    const live = requests.create(storedCsr("live"));
    const target = (await requests.get("many-3")) ?? storedCsr("many-3");
    const updated = await requests.update({ ...target, status: APPROVED });
    await live;
    const all = Array.from({ length: MORE_THAN_MEMORY_KEEPS + 2 }, (_, index) => index + 2);
    const expected = name === undefined ? all : [5, Number(updated.metadata.resourceVersion)];
    await until(() => watched.changes.length >= expected.length);
    await nextTurn();
    expect(revisionsOf(watched.changes)).toEqual(expected);
    expect(watched.changes.at(-1)?.previous).toEqual(target);
  },
);

test("a watch continues over a restart", async () => {
  const { requests } = opened.ledger;
  const a = await requests.create(storedCsr("a"));
  const updated = await requests.update({ ...a, status: APPROVED });
  await opened.reopen();
  const { changes } = watch(opened.ledger, 2);
  await until(() => changes.length === 1);
  expect(changes).toEqual([{ type: "MODIFIED", revision: 3, object: updated, previous: a }]);
});

test("compaction drops what is older; earlier revisions are Expired, later ones are not", async () => {
  const { requests, maintenance } = opened.ledger;
  await createMany(opened.ledger, 1_200);
  const cut = new Date();
  while (Date.now() === cut.getTime()) await nextTurn();
  await requests.create(storedCsr("late"));
  await maintenance.compact(new Date(cut.getTime() + 1));
  expect(requests.compactedRevision()).toBe(1_201);
  expect(() => watch(opened.ledger, 1_200)).toThrow(expect.objectContaining({ reason: "Expired", code: 410 }));
  const { changes } = watch(opened.ledger, 1_201);
  await until(() => changes.length === 1);
  expect(revisionsOf(changes)).toEqual([1_202]);
  expect((await requests.list()).revision).toBe(1_202);
});

test("a log compacted to nothing keeps its revision and its bound over a restart", async () => {
  await createMany(opened.ledger, 3);
  await opened.ledger.requests.remove("many-2", {});
  await opened.ledger.maintenance.compact(new Date(Date.now() + 1_000));
  await opened.reopen();
  const { requests } = opened.ledger;
  expect([requests.revision(), requests.compactedRevision()]).toEqual([5, 5]);
  expect((await requests.create(storedCsr("next"))).metadata.resourceVersion).toBe("6");
  expect(() => watch(opened.ledger, 4)).toThrow(expect.objectContaining({ reason: "Expired" }));
});

test("compaction keeps the objects, and what a change that is left replaced, and nothing else", async () => {
  const { requests, maintenance } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  const updated = await requests.update({ ...created, status: APPROVED });
  const removed = await requests.create(storedCsr("b"));
  await requests.remove("b", {});
  const kept = await requests.create(storedCsr("c"));
  await maintenance.compact(new Date(Date.now() + 1_000));
  expect(storedRevisions()).toEqual([3, 6]);
  expect((await requests.list()).items).toEqual([updated, kept]);
  const issued = await requests.update({ ...updated, status: ISSUED });
  expect(await requests.create(removed)).toMatchObject({ metadata: { name: "b" } });
  await opened.reopen();
  const { changes } = watch(opened.ledger, 6);
  await until(() => changes.length === 2);
  expect(changes[0]).toMatchObject({ object: issued, previous: updated });
  await opened.ledger.maintenance.compact(new Date(Date.now() + 1_000));
  expect(storedRevisions()).toEqual([6, 7, 8]);
  expect((await opened.ledger.maintenance.verify()).problems).toEqual([]);
});

test("the log keeps no more entries than its bound, however young", async () => {
  await opened.close();
  opened = await openTestLedger({ limits: { maximumChanges: 10 } });
  await createMany(opened.ledger, 30);
  await opened.ledger.maintenance.compact(new Date(0));
  expect(opened.ledger.requests.compactedRevision()).toBe(21);
  expect((await opened.ledger.requests.list()).items).toHaveLength(30);
});

test("compaction leaves what is being written, so that its watchers learn what it replaced", async () => {
  await opened.close();
  opened = await openTestLedger({ limits: { maximumCachedBytes: 1 } });
  const { requests, maintenance } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  const { changes } = watch(opened.ledger, 2);
  const everything = new Date(Date.now() + 1_000);
  const updating = requests.update({ ...created, status: APPROVED });
  const removing = requests.remove("a", {});
  await Promise.all([updating, removing, maintenance.compact(everything)]);
  expect(changes.map(({ type, previous }) => [type, previous])).toEqual([
    ["MODIFIED", created],
    ["DELETED", await updating],
  ]);
  expect(requests.compactedRevision()).toBe(2);
});

test("a subscriber that throws is closed with its error and disturbs no other", async () => {
  const { requests } = opened.ledger;
  const onChanges = jest.fn(() => {
    throw new Error("broken subscriber");
  });
  const onError = jest.fn<(error: Error) => void>();
  requests.subscribe(1, {}, onChanges, onError);
  const { changes } = watch(opened.ledger, 1);
  await requests.create(storedCsr("a"));
  await requests.create(storedCsr("b"));
  expect(onChanges).toHaveBeenCalledTimes(1);
  expect(onError.mock.calls).toEqual([[expect.objectContaining({ message: "broken subscriber" })]]);
  expect(revisionsOf(changes)).toEqual([2, 3]);
});

test("a subscriber may subscribe, close and write from within its delivery", async () => {
  const { requests } = opened.ledger;
  let isDelivering = false;
  const inner: number[] = [];
  const other = watch(opened.ledger, 1, "a");
  const outer = requests.subscribe(
    1,
    {},
    ([change]) => {
      expect(isDelivering).toBe(false);
      isDelivering = true;
      outer.close();
      other.close();
      requests.subscribe(change?.revision ?? 0, {}, (changes) => inner.push(...revisionsOf(changes)), fail);
      void requests.create(storedCsr("nested"));
      isDelivering = false;
    },
    fail,
  );
  await requests.create(storedCsr("a"));
  await until(() => inner.length > 0);
  expect(inner).toEqual([3]);
  expect(other.changes).toEqual([]);
});

function fail(error: Error): never {
  throw error;
}

type Step = { readonly kind: "create" | "update" | "remove" | "watch"; readonly name: string };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("create", "update", "remove", "watch"),
  name: fc.constantFrom("a", "b", "c"),
});

test("whatever is written and watched from wherever, every watch sees exactly its part of the log, and adds up to the list", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { ledger } = opened;
      const start = ledger.requests.revision();
      const from = await ledger.requests.list();
      const all = watch(ledger, start);
      const watches: { readonly after: number; readonly name: string; readonly watched: Watched }[] = [];
      for (const { kind, name } of steps) {
        if (kind !== "watch") await writeTo(ledger, kind, name);
        else {
          const after = start + Math.floor((ledger.requests.revision() - start) / 2);
          watches.push({ after, name, watched: watch(ledger, after, name) });
        }
      }
      await until(() => start + all.changes.length === ledger.requests.revision());
      await nextTurn();
      await nextTurn();
      for (const { after, name, watched } of watches) {
        const theirs = all.changes.filter((change) => change.revision > after && change.object.metadata.name === name);
        expect(watched.changes).toEqual(theirs);
        watched.close();
      }
      all.close();
      expect(replay(from.items, all.changes)).toEqual((await ledger.requests.list()).items);
    }),
    { numRuns: 40 },
  );
});

async function writeTo({ requests }: Ledger, kind: Exclude<Step["kind"], "watch">, name: string): Promise<void> {
  const current = await requests.get(name);
  if (kind === "create") await requests.create(storedCsr(name)).catch(() => undefined);
  if (kind === "update" && current) await requests.update({ ...current, status: APPROVED });
  if (kind === "remove" && current) await requests.remove(name, {});
}

function replay(
  items: readonly CertificateSigningRequest[],
  changes: readonly Change[],
): readonly CertificateSigningRequest[] {
  const objects = new Map(items.map((item) => [item.metadata.name, item]));
  for (const { type, object } of changes) {
    if (type === "DELETED") objects.delete(object.metadata.name);
    else objects.set(object.metadata.name, object);
  }
  return [...objects.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
