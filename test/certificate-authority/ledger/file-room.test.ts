import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  type BatchExecutor,
  createBatchExecutor,
} from "../../../services/certificate-authority/ledger/batch-executor.ts";
import { type Connection, openForWriting } from "../../../services/certificate-authority/ledger/connection.ts";
import { boundFile, makesRoom } from "../../../services/certificate-authority/ledger/file-room.ts";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";
import type { Operation } from "../../../services/certificate-authority/ledger/operations.ts";
import { verifyFile } from "../../../services/certificate-authority/ledger/verification/verify-file.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const MAXIMUM = 2 * 1024 * 1024;
const RESERVE = MAXIMUM / 8;

let file = "";
let connection: Connection;
let executor: BatchExecutor;

beforeEach(() => {
  file = join(temporaryDirectory(), "gatehouse.db");
  connection = openForWriting(file);
  migrate(connection, MIGRATIONS, file, new Date(0));
  executor = createBatchExecutor(connection, { maximumRequests: 10_000, room: boundFile(connection, MAXIMUM) });
});
afterEach(() => {
  connection.close();
});

function create(name: string, octets = 20_000): Operation {
  const csr = { metadata: { name, uid: name }, spec: { request: "A".repeat(octets) }, status: {} };
  const times = { createdMilliseconds: 0, atMilliseconds: 0 };
  return { kind: "createRequest", ...{ name, uid: name, state: "undecided", ...times }, object: JSON.stringify(csr) };
}

function remove(name: string): Operation {
  const unconditional = { uid: undefined, resourceVersion: undefined };
  return { kind: "removeRequest", name, ...unconditional, actor: "test", atMilliseconds: 0 };
}

const COMPACT: Operation = {
  kind: "compactChanges",
  beforeMilliseconds: Number.MAX_SAFE_INTEGER,
  maximumChanges: 0,
  upToRevision: Number.MAX_SAFE_INTEGER,
};
const PRUNE: Operation = {
  kind: "pruneArchive",
  beforeMilliseconds: Number.MAX_SAFE_INTEGER,
  atMilliseconds: 0,
  maximumRequests: 0,
};

const outcomes = (...operations: readonly Operation[]) =>
  executor.run(operations).map((outcome) => (outcome.kind === "done" ? "done" : outcome.refusal.reason));

/** Creates requests until one is refused; returns how many there are. */
function fill(prefix = "csr"): number {
  for (let index = 0; ; index += 1) if (outcomes(create(`${prefix}-${index}`))[0] !== "done") return index;
}

function pagesInUse(): number {
  const count = (name: string) => Number(connection.pragma(name, { simple: true }));
  return (count("page_count") - count("freelist_count")) * count("page_size");
}

/** The file with everything that its log still holds. */
function fileBytes(): number {
  connection.pragma("wal_checkpoint(TRUNCATE)");
  return statSync(file).size;
}

test("when others are refused, removals and compaction go through, and the file keeps its bound", () => {
  const stored = fill();
  expect(stored).toBeGreaterThan(10);
  expect(fileBytes()).toBeLessThanOrEqual(MAXIMUM - RESERVE);
  const refusal = { reason: "ServiceUnavailable", message: "the ledger is out of space; nothing was stored" };
  expect(executor.run([create("late")])).toMatchObject([{ kind: "refused", refusal }]);
  for (let index = 0; index < stored; index += 1) {
    // What was deleted is kept for a while; a reserve that is full of it is free again when that is over.
    const [outcome] = outcomes(remove(`csr-${index}`));
    if (outcome === "ServiceUnavailable") {
      expect(index).toBeGreaterThan(3);
      expect(outcomes(PRUNE, COMPACT, remove(`csr-${index}`))).toEqual(["done", "done", "done"]);
    }
    expect(fileBytes()).toBeLessThanOrEqual(MAXIMUM);
  }
  outcomes(PRUNE, COMPACT);
  expect(fill("again")).toBeGreaterThan(10);
  expect(verifyFile(file).problems).toEqual([]);
});

test("in one batch the reserve is for those that make room, not for their neighbours", () => {
  fill();
  expect(outcomes(create("late"), remove("csr-0"), create("later"), remove("csr-1"), remove("nothing"))).toEqual([
    "ServiceUnavailable",
    "done",
    "ServiceUnavailable",
    "done",
    "NotFound",
  ]);
});

test("what becomes free in the reserve does not go to others", () => {
  for (let round = 0; round < 3; round += 1) {
    const stored = fill(`round-${round}`);
    for (let index = 0; index < stored; index += 1) outcomes(remove(`round-${round}-${index}`));
    outcomes(PRUNE);
    outcomes(COMPACT);
    fill(`filled-${round}`);
    expect(pagesInUse()).toBeLessThanOrEqual(MAXIMUM - RESERVE);
    expect(outcomes(remove(`filled-${round}-0`))).toEqual(["done"]);
  }
  expect(fileBytes()).toBeLessThanOrEqual(MAXIMUM);
});

test("a file that was opened in its reserve is bounded as before", () => {
  const stored = fill();
  for (let index = 0; index < stored; index += 1) outcomes(remove(`csr-${index}`));
  connection.close();
  connection = openForWriting(file);
  executor = createBatchExecutor(connection, { maximumRequests: 10_000, room: boundFile(connection, MAXIMUM) });
  if (fileBytes() > MAXIMUM - RESERVE) expect(outcomes(create("late"))).toEqual(["ServiceUnavailable"]);
  expect(outcomes(COMPACT, PRUNE)).toEqual(["done", "done"]);
});

test("without a bound there is no reserve", () => {
  executor = createBatchExecutor(connection, { maximumRequests: 10_000 });
  // Room for a few requests beside the tables, however many there are.
  connection.pragma(`max_page_count = ${Number(connection.pragma("page_count", { simple: true })) + 30}`);
  const stored = fill();
  // The change log is as full as the file, so that not even a removal finds room.
  while (outcomes(create(`small-${Math.random()}`, 10))[0] === "done");
  expect(stored).toBeGreaterThan(0);
  expect(executor.run([create("late")])).toMatchObject([{ kind: "refused" }]);
});

const updated = (metadata: object): Operation => ({
  ...{ kind: "updateRequest", name: "a", uid: "a", resourceVersion: "1", state: "undecided", atMilliseconds: 0 },
  object: JSON.stringify({ metadata }),
});

test.each([
  { operation: remove("a"), makes: true },
  { operation: COMPACT, makes: true },
  { operation: PRUNE, makes: true },
  { operation: { kind: "removeToken", id: "abcdef", actor: "x", atMilliseconds: 0 } as const, makes: true },
  { operation: { kind: "removeExpiredTokens", beforeMilliseconds: 0, actor: "x" } as const, makes: true },
  { operation: updated({ deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [] }), makes: true },
  { operation: updated({ annotations: { deletionTimestamp: "2026-01-01T00:00:00Z" } }), makes: false },
  { operation: create("a"), makes: false },
  { operation: { kind: "checkWrite", atMilliseconds: 0 } as const, makes: false },
])("$operation.kind makes room: $makes", ({ operation, makes }) => {
  expect(makesRoom(operation)).toBe(makes);
});

test("when others are refused, a job begins, shows that it goes on, ends, and makes room", () => {
  fill();
  expect(outcomes(create("late"))).toEqual(["ServiceUnavailable"]);
  const job = "clean-requests";
  const claim: Operation = {
    ...{ kind: "claimRun", job, trigger: "schedule", requestedBy: null, dryRun: 0, holder: "a", dead: undefined },
    atMilliseconds: 0,
  };
  const [claimed] = executor.run([claim]);
  expect(claimed).toEqual({ kind: "done", answer: { kind: "claimed", runId: 1 } });
  const result = { outcome: "succeeded", summary: "deleted 1", details: "{}", durationMilliseconds: 1 } as const;
  const finish: Operation = { kind: "finishRun", job, runId: 1, atMilliseconds: 0, ...result };
  expect(outcomes({ kind: "beatRun", job, runId: 1, holder: "a" }, remove("csr-0"), finish)).toEqual([
    ...["done", "done", "done"],
  ]);
});
