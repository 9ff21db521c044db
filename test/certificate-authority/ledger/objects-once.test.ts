import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { Change } from "../../../services/certificate-authority/domain/ports.ts";
import { openForWriting } from "../../../services/certificate-authority/ledger/connection.ts";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { APPROVED, ISSUED, storedCsr } from "../../builders/stored-csr.ts";

let directory = "";
let file = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-migrate-"));
  file = join(directory, "gatehouse.db");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const PENDING = storedCsr("settled");
const SETTLED = storedCsr("settled", { status: ISSUED });
const CREATED = storedCsr("changed");
const CHANGED = storedCsr("changed", { status: APPROVED });

/**
 * A ledger as the version before 0007 left it: compacted up to revision 4, which took the changes that made "settled"
 * (3) and what "changed" was (4); "removed" came and went since.
 */
function writeOldLedger(): void {
  const connection = openForWriting(file);
  const older = MIGRATIONS.findIndex(({ name }) => name === "0007-objects-once");
  migrate(connection, MIGRATIONS.slice(0, older), file, new Date(0));
  const request = connection.prepare(
    "INSERT INTO requests (name, uid, state, created_ms, revision, object) VALUES (?, ?, ?, 0, ?, ?)",
  );
  const change = connection.prepare(
    "INSERT INTO changes (revision, type, name, at_ms, previous_revision, object, previous) VALUES (?, ?, ?, 0, ?, ?, ?)",
  );
  const [changed, created, removed] = [CHANGED, CREATED, storedCsr("removed")].map((csr) => JSON.stringify(csr));
  request.run("settled", SETTLED.metadata.uid, "settled", 3, JSON.stringify(SETTLED));
  request.run("changed", CHANGED.metadata.uid, "awaitingSignature", 5, changed);
  change.run(5, "MODIFIED", "changed", 4, changed, created);
  change.run(6, "ADDED", "removed", null, removed, null);
  change.run(7, "DELETED", "removed", 6, removed, removed);
  connection.exec("UPDATE meta SET value = 4 WHERE name = 'compacted_revision'");
  connection.close();
}

const at = (csr: CertificateSigningRequest, revision: number): CertificateSigningRequest => ({
  ...csr,
  metadata: { ...csr.metadata, resourceVersion: String(revision) },
});

function open() {
  return openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
}

test("a ledger of the version before keeps its objects, its changes and what they replaced", async () => {
  writeOldLedger();
  const ledger = await open();
  const { items, revision } = await ledger.requests.list();
  expect({ items, revision }).toEqual({ items: [at(CHANGED, 5), at(SETTLED, 3)], revision: 7 });
  const changes = await new Promise<readonly Change[]>((resolve, reject) => {
    ledger.requests.subscribe(4, {}, resolve, reject);
  });
  expect(changes).toEqual([
    { type: "MODIFIED", revision: 5, object: at(CHANGED, 5), previous: at(CREATED, 4) },
    { type: "ADDED", revision: 6, object: at(storedCsr("removed"), 6), previous: undefined },
    { type: "DELETED", revision: 7, object: at(storedCsr("removed"), 7), previous: at(storedCsr("removed"), 6) },
  ]);
  expect((await ledger.maintenance.verify()).problems).toEqual([]);
  await ledger.close();
});

test("what such a ledger holds can be changed, compacted and removed", async () => {
  writeOldLedger();
  const ledger = await open();
  const { requests, maintenance } = ledger;
  await requests.update({ ...at(SETTLED, 3), status: PENDING.status });
  await requests.remove("changed", {});
  await maintenance.compact(new Date(Date.now() + 1_000));
  expect((await requests.list()).items).toEqual([at(PENDING, 8)]);
  expect((await maintenance.verify()).problems).toEqual([]);
  await ledger.close();
});
