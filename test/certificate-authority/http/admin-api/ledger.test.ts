import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi, bytes, failure } from "./fixture.ts";

test("a backup is the ledger's copy under a dated name, and leaves nothing behind", async () => {
  const { app, maintenance, backupDirectory } = adminApi();
  const response = await request(app).get("/v1/ledger/backup").buffer(true).parse(bytes);
  expect(response.status).toBe(200);
  expect(response.body).toEqual(maintenance.copy);
  expect(response.headers).toMatchObject({
    "content-type": "application/vnd.sqlite3",
    "content-length": String(maintenance.copy.length),
    "content-disposition": 'attachment; filename="gatehouse-20260102T030405Z.db"',
    "cache-control": "no-store",
    "gatehouse-revision": "7",
  });
  expect(maintenance.backupPaths.map((path) => dirname(path))).toEqual([backupDirectory]);
  expect(readdirSync(backupDirectory)).toEqual([]);
  expect(statSync(backupDirectory).mode & 0o777).toBe(0o700);
});

test("a second backup meanwhile is told to come back, and the next one runs", async () => {
  const { app, maintenance } = adminApi();
  let release = (): void => {};
  maintenance.gate = new Promise((resolve) => {
    release = resolve;
  });
  const first = request(app)
    .get("/v1/ledger/backup")
    .buffer(true)
    .parse(bytes)
    .then((response) => response.status);
  while (maintenance.backupPaths.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await request(app).get("/v1/ledger/backup").expect(429);
  const message = "another backup is running; try again when it has ended";
  expect(second.body).toEqual(failure(429, "TooManyRequests", message, { retryAfterSeconds: 10 }));
  expect(second.headers["retry-after"]).toBe("10");
  release();
  expect(await first).toBe(200);
  await request(app).get("/v1/ledger/backup").expect(200);
});

test("a backup that fails answers 500 and does not block the next one", async () => {
  const { app, maintenance } = adminApi();
  maintenance.gate = Promise.reject(new Error("disk full at /secret/path"));
  maintenance.gate.catch(() => {});
  const response = await request(app).get("/v1/ledger/backup").expect(500);
  expect(response.body).toEqual(failure(500, "InternalError", "internal error"));
  maintenance.gate = Promise.resolve();
  await request(app).get("/v1/ledger/backup").expect(200);
});

test("copies that a killed process left are removed, other files are not", async () => {
  const { app, backupDirectory } = adminApi();
  mkdirSync(backupDirectory);
  writeFileSync(join(backupDirectory, "streamed-left-over.db"), "old");
  writeFileSync(join(backupDirectory, "nightly.db"), "keep");
  const halfWritten = join(backupDirectory, ".streamed-left-over.db.0123456789abcdef.tmp");
  writeFileSync(halfWritten, "half");
  utimesSync(halfWritten, 0, 0);
  await request(app).get("/v1/ledger/backup").expect(200);
  expect(readdirSync(backupDirectory)).toEqual(["nightly.db"]);
});

test("a client that hangs up mid-way leaves no copy behind", async () => {
  const { app, maintenance, backupDirectory } = adminApi();
  maintenance.copy = Buffer.alloc(64 * 1024 * 1024);
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const outgoing = get({ host: "127.0.0.1", port, path: "/v1/ledger/backup" });
  const [incoming] = await once(outgoing, "response");
  await once(incoming, "data");
  await request(server).get("/v1/ledger/backup").expect(429);
  incoming.destroy();
  maintenance.copy = Buffer.from("small");
  // The server hears of the hang-up a moment later than the client.
  while ((await request(server).get("/v1/ledger/backup")).status !== 200) await new Promise(setImmediate);
  expect(readdirSync(backupDirectory)).toEqual([]);
  server.close();
});

const COUNTS = { revision: 7, auditEntries: 3, auditHead: "ab".repeat(32), certificates: 2, decisions: 1 };
const KIND = { apiVersion: "gatehouse.dev/v1", kind: "LedgerVerification" };

test.each([
  { problems: [], sound: true },
  { problems: ["audit entry 2: hash does not match"], sound: false },
])("a verification with problems $problems is sound: $sound", async ({ problems, sound }) => {
  const { app, maintenance } = adminApi();
  maintenance.verification = { ...maintenance.verification, problems };
  const response = await request(app).post("/v1/ledger/verification").expect(200);
  expect(response.body).toEqual({ ...KIND, sound, ...COUNTS, problems, warnings: [] });
});

test("verifications asked for meanwhile share one run; later ones start anew", async () => {
  const { app, maintenance } = adminApi();
  let release = (): void => {};
  maintenance.gate = new Promise((resolve) => {
    release = resolve;
  });
  let arrived = 0;
  const server = app.listen(0, "127.0.0.1");
  server.on("request", () => {
    arrived += 1;
  });
  const asked = [1, 2].map(() =>
    request(server)
      .post("/v1/ledger/verification")
      .then(({ status }) => status),
  );
  while (arrived < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const how = { apiVersion: "gatehouse.dev/v1", kind: "LedgerVerificationProgress" };
  const { body } = await request(app).get("/v1/ledger/verification").expect(200);
  expect(body).toEqual({ ...how, running: true, done: 1, total: 2 });
  release();
  expect(await Promise.all(asked)).toEqual([200, 200]);
  expect(maintenance.verifications).toBe(1);
  await request(server).post("/v1/ledger/verification").expect(200);
  expect(maintenance.verifications).toBe(2);
  server.close();
});
