import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import type { ApiObject } from "../../../services/certificate-authority/domain/api-object.ts";
import type { Change } from "../../../services/certificate-authority/domain/ports.ts";
import { createChangeHub } from "../../../services/certificate-authority/ledger/change-hub.ts";
import type { ChangeLog } from "../../../services/certificate-authority/ledger/change-log.ts";
import { createRecentChanges } from "../../../services/certificate-authority/ledger/recent-changes.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

const logger = createLogger({ level: "silent" });
const HEAD = 2_000;

function changeAt(revision: number): Change {
  const object = storedCsr("a", { metadata: { resourceVersion: String(revision) } });
  return { type: "ADDED", revision, object, previous: undefined };
}

/** A log that answers undefined for what is older than `dropped()`; it may end later than the head it was opened at. */
function fakeLog(dropped: () => number, end = HEAD): ChangeLog {
  return {
    head: () => HEAD,
    compactedRevision: dropped,
    previousOf: () => undefined,
    after(revision, _name, limit) {
      if (revision < dropped()) return undefined;
      const count = Math.min(limit, end - revision);
      return Array.from({ length: count }, (_, index) => changeAt(revision + 1 + index));
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
}

test.each([
  { name: "which this process was told of", tellsHub: true },
  { name: "which the log alone knows yet", tellsHub: false },
])("a watch that compaction overtakes is told so, once and last: $name", async ({ tellsHub }) => {
  let compacted = 1;
  const hub = createChangeHub(
    fakeLog(() => compacted),
    { maximumEntries: 10, maximumBytes: 1_000 },
    logger,
  );
  const seen: (number | string)[] = [];
  hub.subscribe(
    1,
    undefined,
    (changes) => {
      seen.push(changes.at(-1)?.revision ?? 0);
      compacted = 1_500;
      if (tellsHub) hub.noteCompaction(compacted);
    },
    (error) => seen.push(error.message),
  );
  await settle();
  hub.append(changeAt(HEAD + 1), 1);
  hub.flush();
  expect(seen).toEqual([501, "resourceVersion 501 is too old: changes are kept from 1500 on; list again"]);
});

test.each([{ name: undefined }, { name: "a" }])(
  "what a watch has read from a log that is ahead is not delivered again: $name",
  async ({ name }) => {
    const limits = { maximumEntries: 10, maximumBytes: 1_000 };
    const hub = createChangeHub(
      fakeLog(() => 1, HEAD + 2),
      limits,
      logger,
    );
    const seen: number[] = [];
    const onChanges = (changes: readonly Change<ApiObject>[]) => seen.push(...changes.map(({ revision }) => revision));
    hub.subscribe(HEAD - 1, name, onChanges, (error) => expect(error).toBeUndefined());
    await settle();
    for (const revision of [HEAD + 1, HEAD + 2, HEAD + 3]) hub.append(changeAt(revision), 1);
    hub.flush();
    expect(seen).toEqual([HEAD, HEAD + 1, HEAD + 2, HEAD + 3]);
  },
);

test("closing the hub ends watches that are catching up and those that are live", async () => {
  const hub = createChangeHub(
    fakeLog(() => 1),
    { maximumEntries: 10, maximumBytes: 1_000 },
    logger,
  );
  const seen: number[] = [];
  const onChanges = (changes: readonly Change<ApiObject>[]) => seen.push(changes.length);
  const onError = (error: Error) => expect(error).toBeUndefined();
  hub.subscribe(1, undefined, onChanges, onError);
  hub.subscribe(HEAD, "a", onChanges, onError);
  hub.close();
  hub.append(changeAt(HEAD + 1), 1);
  hub.flush();
  await settle();
  expect(seen).toEqual([]);
});

test.each([
  {
    name: "all that was appended",
    limits: { maximumEntries: 5, maximumBytes: 100 },
    after: 10,
    expected: [11, 12, 13, 14],
  },
  { name: "nothing at the head", limits: { maximumEntries: 5, maximumBytes: 100 }, after: 14, expected: [] },
  {
    name: "undefined before its start",
    limits: { maximumEntries: 5, maximumBytes: 100 },
    after: 9,
    expected: undefined,
  },
  {
    name: "what the count leaves",
    limits: { maximumEntries: 3, maximumBytes: 100 },
    after: 11,
    expected: [12, 13, 14],
  },
  {
    name: "undefined beyond the count",
    limits: { maximumEntries: 3, maximumBytes: 100 },
    after: 10,
    expected: undefined,
  },
  { name: "what the octets leave", limits: { maximumEntries: 5, maximumBytes: 20 }, after: 12, expected: [13, 14] },
  {
    name: "undefined beyond the octets",
    limits: { maximumEntries: 5, maximumBytes: 20 },
    after: 11,
    expected: undefined,
  },
])("recent changes hold $name", ({ limits, after, expected }) => {
  const recent = createRecentChanges(10, limits);
  for (const revision of [11, 12, 13, 14]) recent.append(changeAt(revision), 10);
  expect(recent.after(after)?.map(({ revision }) => revision)).toEqual(expected);
});

test("recent changes hold the newest however many came before", () => {
  const recent = createRecentChanges(10, { maximumEntries: 5, maximumBytes: 1_000 });
  for (let revision = 11; revision <= 60; revision += 1) {
    recent.append(changeAt(revision), 10);
    const held = Math.min(revision - 10, 5);
    expect(recent.after(revision - held)?.map((change) => change.revision)).toEqual(
      Array.from({ length: held }, (_, index) => revision - held + 1 + index),
    );
    if (held === 5 && revision > 15) expect(recent.after(revision - 6)).toBeUndefined();
  }
});
