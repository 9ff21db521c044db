import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";

const ROUNDS = 20;
const WRITER = new URL("./crashing-writer.ts", import.meta.url).pathname;

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-crash-"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Starts a writer, kills it without warning at a random moment of its work; returns the lines it acknowledged. */
async function writeUntilKilled(file: string, round: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", WRITER, file, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const started = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await Promise.race([started, ended]);
  await pause(Math.random() * 120);
  child.kill("SIGKILL");
  await ended;
  // What follows the last newline was cut off by the kill.
  return output.split("\n").slice(0, -1);
}

test("nothing acknowledged is lost to kill -9, no serial is used twice, and the ledger stays sound", async () => {
  const file = join(directory, "gatehouse.db");
  const acknowledged: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const lines = await writeUntilKilled(file, round);
    expect(lines.length).toBeGreaterThan(0);
    acknowledged.push(...lines);
    expect((await verifyLedgerFile(file)).problems).toEqual([]);
  }
  const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
  const revisions = acknowledged.map((line) => Number(line.split(" ")[1]));
  expect(new Set(revisions).size).toBe(revisions.length);
  for (const line of acknowledged) {
    const [name = "", revision, fingerprint = ""] = line.split(" ");
    const csr = await ledger.requests.get(name);
    const certificate = await ledger.certificates.get(fingerprint);
    const [decision] = await ledger.decisions.ofRequest(name);
    expect([csr?.metadata.resourceVersion, certificate?.requestName, decision?.outcome]).toEqual([
      revision,
      name,
      "approved",
    ]);
  }
  expect(ledger.requests.revision()).toBeGreaterThanOrEqual(Math.max(...revisions));
  await ledger.close();
}, 180_000);
