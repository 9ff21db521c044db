import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";

const ROUNDS = 10;
const CERTIFICATES = 200;
const WRITER = new URL("./crashing-quarantine.ts", import.meta.url).pathname;

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-quarantine-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Kills the process at some moment after it ordered a quarantine; returns the lines it had printed. */
async function quarantineUntilKilled(file: string, round: number): Promise<readonly string[]> {
  const args = ["--disable-warning=ExperimentalWarning", WRITER, file, String(round), String(CERTIFICATES)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const ended = once(child, "close");
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (!line.endsWith("ordered")) continue;
    await pause(Math.random() * 20);
    child.kill("SIGKILL");
  }
  await ended;
  return lines;
}

test("kill -9 in the middle of a node's quarantine: all of it or nothing, and what was acknowledged stays", async () => {
  const file = join(directory, "gatehouse.db");
  const lines: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) lines.push(...(await quarantineUntilKilled(file, round)));
  expect((await verifyLedgerFile(file)).problems).toEqual([]);
  const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
  const ordered = lines.flatMap((line) => (line.endsWith(" ordered") ? [line.slice(0, -" ordered".length)] : []));
  expect(ordered.length).toBeGreaterThanOrEqual(ROUNDS);
  for (const nodeName of ordered) {
    const { items } = await ledger.certificates.find({ nodeName, limit: 1000 });
    const revoked = items.filter(({ state }) => state === "revoked").length;
    const isQuarantined = ledger.revocations.isQuarantined(nodeName);
    expect([nodeName, items.length, revoked]).toEqual([nodeName, CERTIFICATES, isQuarantined ? CERTIFICATES : 0]);
    if (lines.includes(`${nodeName} quarantined`)) expect(isQuarantined).toBe(true);
  }
  await ledger.close();
}, 180_000);
