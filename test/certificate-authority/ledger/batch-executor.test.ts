import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { auditPayload } from "../../../services/certificate-authority/ledger/audit-chain.ts";
import { createBatchExecutor } from "../../../services/certificate-authority/ledger/batch-executor.ts";
import { type Connection, openForWriting } from "../../../services/certificate-authority/ledger/connection.ts";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";
import type { Operation, OperationOutcome } from "../../../services/certificate-authority/ledger/operations.ts";
import { verifyFile } from "../../../services/certificate-authority/ledger/verification/verify-file.ts";

let directory = "";
let file = "";
let connection: Connection;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-batch-"));
  file = join(directory, "gatehouse.db");
  connection = openForWriting(file);
  migrate(connection, MIGRATIONS, file, new Date(0));
});

afterEach(() => {
  connection.close();
  rmSync(directory, { recursive: true, force: true });
});

const SETTINGS = { maximumRequests: 1_000 };

function create(name: string, object?: string): Operation {
  const csr = { metadata: { name, uid: name }, spec: {}, status: {} };
  return {
    kind: "createRequest",
    ...{ name, uid: name, state: "undecided", createdMilliseconds: 0, atMilliseconds: 0 },
    object: object ?? JSON.stringify(csr),
  };
}

function remove(name: string): Operation {
  const unconditional = { uid: undefined, resourceVersion: undefined };
  return { kind: "removeRequest", name, ...unconditional, actor: "test", atMilliseconds: 0 };
}

function audit(subject: string): Operation {
  const payload = auditPayload({ at: new Date(0), actor: "test", kind: "test.done", subject, details: {} });
  return { kind: "appendAudit", payload };
}

/** A payload that no column takes. */
const FAULTY = { kind: "appendAudit", payload: null } as unknown as Operation;

const summary = (outcomes: readonly OperationOutcome[]) =>
  outcomes.map((outcome) => (outcome.kind === "done" ? (outcome.answer ?? "done") : outcome.refusal.reason));

const names = () => connection.prepare("SELECT name FROM requests WHERE name > '' ORDER BY name").pluck().all();

test("a refused operation touches no other of its batch", () => {
  const executor = createBatchExecutor(connection, SETTINGS);
  const outcomes = executor.run([create("a"), create("a"), remove("missing"), create("b")]);
  expect(summary(outcomes)).toEqual([{ revision: 2 }, "AlreadyExists", "NotFound", { revision: 3 }]);
  expect(names()).toEqual(["a", "b"]);
});

test("operations of one batch see those before them", () => {
  const executor = createBatchExecutor(connection, SETTINGS);
  const outcomes = executor.run([create("a"), remove("a"), create("a")]);
  expect(summary(outcomes)).toEqual([{ revision: 2 }, { revision: 3, previousRevision: 2 }, { revision: 4 }]);
});

test("an unexpected failure fails its operation alone; revisions and hash chain have no gap", () => {
  const executor = createBatchExecutor(connection, SETTINGS);
  const outcomes = executor.run([create("a"), audit("one"), FAULTY, create("b"), audit("two")]);
  expect(summary(outcomes)).toEqual([{ revision: 2 }, "done", "InternalError", { revision: 3 }, "done"]);
  expect(outcomes[2]).toMatchObject({ refusal: { message: "the ledger could not store this" } });
  expect(names()).toEqual(["a", "b"]);
  expect(verifyFile(file)).toMatchObject({ revision: 3, auditEntries: 2, problems: [] });
});

test("a full disk fails the batch whole; the process goes on, and stores again when there is space", () => {
  const executor = createBatchExecutor(connection, SETTINGS);
  executor.run([create("before"), audit("before")]);
  const pages = Number(connection.pragma("page_count", { simple: true }));
  connection.pragma(`max_page_count = ${pages + 2}`);
  const large = create("large", JSON.stringify({ text: "x".repeat(100_000) }));
  const outcomes = executor.run([create("small"), audit("small"), large]);
  expect(summary(outcomes)).toEqual(["ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailable"]);
  expect(outcomes[0]).toMatchObject({
    refusal: { message: "the ledger is out of space; nothing was stored", details: { retryAfterSeconds: 1 } },
  });
  expect(names()).toEqual(["before"]);
  connection.pragma(`max_page_count = ${pages + 1_000}`);
  expect(summary(executor.run([create("after"), audit("after")]))).toEqual([{ revision: 3 }, "done"]);
  expect(verifyFile(file)).toMatchObject({ revision: 3, auditEntries: 2, problems: [] });
});

test("a COMMIT that fails stores nothing and is answered, not thrown", () => {
  let fails = true;
  const beforeCommit = () => {
    if (fails) throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
  };
  const executor = createBatchExecutor(connection, { ...SETTINGS, beforeCommit });
  expect(summary(executor.run([create("a"), create("b")]))).toEqual(["ServiceUnavailable", "ServiceUnavailable"]);
  expect(names()).toEqual([]);
  fails = false;
  expect(summary(executor.run([create("a")]))).toEqual([{ revision: 2 }]);
});

test("an object limit counts what was rolled back as not stored", () => {
  const executor = createBatchExecutor(connection, { maximumRequests: 2 });
  executor.run([create("a"), FAULTY]);
  executor.run([remove("a"), FAULTY]);
  expect(summary(executor.run([create("a"), create("b"), create("c")]))).toEqual([
    { revision: 4 },
    { revision: 5 },
    "TooManyRequests",
  ]);
});

test.each([
  { code: "SQLITE_FULL", reason: "ServiceUnavailable" },
  { code: "SQLITE_IOERR_WRITE", reason: "ServiceUnavailable" },
  { code: "SQLITE_READONLY", reason: "ServiceUnavailable" },
  { code: "SQLITE_BUSY", reason: "ServiceUnavailable" },
  { code: "SQLITE_CORRUPT", reason: "InternalError" },
  { code: "SQLITE_CONSTRAINT_NOTNULL", reason: "InternalError" },
])("$code is answered as $reason", ({ code, reason }) => {
  const beforeCommit = () => {
    throw Object.assign(new Error("from SQLite"), { code });
  };
  const [outcome] = createBatchExecutor(connection, { ...SETTINGS, beforeCommit }).run([create("a")]);
  expect(outcome).toMatchObject({ kind: "refused", refusal: { reason } });
});
