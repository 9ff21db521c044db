import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { RunningServer } from "../../../services/certificate-authority/diagnosis/contract.ts";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { makeInstallation } from "../../builders/installation.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";
import { examine, lines } from "./examine.ts";

const later = (seconds: number) => new SettableClock(new Date(Date.now() + seconds * 1000));

test("a clock that went back behind the newest entry is an error", async () => {
  const { dataDirectory } = await makeInstallation();
  expect(await examine("clock.ledger", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
  expect(await examine("clock.ledger", { dataDirectory, clock: later(-3600) })).toMatchObject([
    { outcome: "error", finding: expect.stringMatching(/^went back: .* 3(599|600|601) s ahead$/) },
  ]);
  expect(await examine("clock.ledger", { clock: new SettableClock("1970-01-01T00:00:00Z") })).toMatchObject([
    { outcome: "error" },
  ]);
  expect(await examine("clock.ledger")).toMatchObject([{ outcome: "skipped" }]);
});

function serverAt(seconds: number | undefined): RunningServer {
  const date = seconds === undefined ? undefined : new Date(Date.now() + seconds * 1000);
  return { url: "https://server:9443", get: async () => ({ status: 200, date, body: "" }) };
}

test.each([
  { seconds: 0, outcome: "ok" },
  { seconds: -60, outcome: "warning" },
  { seconds: 900, outcome: "error" },
  { seconds: undefined, outcome: "skipped" },
])("a server whose clock differs by $seconds s: $outcome", async ({ seconds, outcome }) => {
  expect(await examine("clock.server", { server: serverAt(seconds) })).toMatchObject([{ outcome }]);
});

test.each([
  { said: "yes\n", outcome: "ok" },
  { said: "no\n", outcome: "warning" },
  { said: undefined, outcome: "skipped" },
])("the system says $said of its synchronisation: $outcome", async ({ said, outcome }) => {
  expect(await examine("clock.synchronised", { system: { output: async () => said } })).toMatchObject([{ outcome }]);
});

test("a sound ledger at rest, one that is not there, and a file that is none", async () => {
  const { dataDirectory } = await makeInstallation();
  expect(await examine("ledger.file", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
  expect(await examine("ledger.file")).toMatchObject([{ outcome: "skipped" }]);
  writeFileSync(join(dataDirectory, "gatehouse.db"), "no ledger, but text that is long enough to be looked at");
  expect(await examine("ledger.file", { dataDirectory })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("is not a Gatehouse ledger") },
  ]);
  expect(await examine("ledger.integrity", { dataDirectory })).toMatchObject([{ outcome: "skipped" }]);
});

test("a ledger of a newer version is refused in words", async () => {
  const { dataDirectory } = await makeInstallation();
  const connection = new Database(join(dataDirectory, "gatehouse.db"));
  connection.prepare("INSERT INTO migrations VALUES (99, '0099-future', 'x', 0)").run();
  connection.close();
  expect(await examine("ledger.file", { dataDirectory })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("migration") },
  ]);
});

const tellsLocks = existsSync("/proc/locks") ? test : test.skip;

tellsLocks("who writes is told, and a check beside the writer disturbs nobody", async () => {
  const { dataDirectory } = await makeInstallation();
  expect(lines(await examine("ledger.writer", { dataDirectory }))[0]).toContain("nobody writes");
  const { logger } = recordingLogger();
  const ledger = await openLedger({ file: join(dataDirectory, "gatehouse.db"), clock: systemClock, logger });
  try {
    expect(lines(await examine("ledger.writer", { dataDirectory }))[0]).toContain(`process ${process.pid} (`);
    expect(await examine("ledger.integrity", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
    await ledger.tokens.create(
      {
        ...{ id: "abcdef", description: "", extraGroups: [], nodeName: undefined, createdBy: "alice" },
        ...{ createdAt: new Date(), expiresAt: undefined },
      },
      new Uint8Array([1]),
    );
  } finally {
    await ledger.close();
  }
});

test.each([
  { free: 500 * 1024 ** 3, outcome: "ok" },
  { free: 512 * 1024 ** 2, outcome: "warning" },
  { free: 1024 ** 2, outcome: "error" },
])("$free bytes free: $outcome", async ({ free, outcome }) => {
  const { dataDirectory } = await makeInstallation();
  expect(await examine("ledger.size", { dataDirectory, system: { freeBytes: async () => free } })).toMatchObject([
    { outcome },
  ]);
});

test("an entry that was altered is found by the spot check, a certificate's by the whole", async () => {
  const { dataDirectory } = await makeInstallation();
  expect(await examine("ledger.integrity", { dataDirectory, isFull: true })).toMatchObject([
    { outcome: "ok", finding: "all 1 entries and 0 certificates agree" },
  ]);
  const connection = new Database(join(dataDirectory, "gatehouse.db"));
  connection.prepare("UPDATE issuers SET common_name = 'other'").run();
  connection.close();
  expect(await examine("ledger.integrity", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
  expect(await examine("ledger.integrity", { dataDirectory, isFull: true })).toMatchObject([{ outcome: "error" }]);
  const again = new Database(join(dataDirectory, "gatehouse.db"));
  again.prepare("UPDATE audit SET payload = replace(payload, 'gatehouse', 'someone')").run();
  again.close();
  expect(await examine("ledger.integrity", { dataDirectory })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("was altered"), wayOut: expect.stringContaining("backup") },
  ]);
});

test.each([
  { name: "in ten years", days: 3650, outcome: "ok", finding: "after everything it signs" },
  { name: "before what it may sign", days: 200, outcome: "warning", finding: "sooner than certificates of 365 days" },
  { name: "soon", days: 20, outcome: "warning", finding: "expires in 19 days" },
])("an issuer that expires $name: $outcome", async ({ days, outcome, finding }) => {
  const { dataDirectory } = await makeInstallation({ lifetimeSeconds: days * 86_400 });
  expect(await examine("expiry.issuers", { dataDirectory })).toMatchObject([
    { outcome, finding: expect.stringContaining(finding) },
  ]);
});

test("an issuer that has expired or is not valid yet is an error", async () => {
  const { dataDirectory } = await makeInstallation({ lifetimeSeconds: 86_400 });
  expect(await examine("expiry.issuers", { dataDirectory, clock: later(3 * 86_400) })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("expired") },
  ]);
  expect(await examine("expiry.issuers", { dataDirectory, clock: later(-86_400) })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("not valid before") },
  ]);
});
