import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(120_000);

let directory: string;
let gatehouse: GatehouseProcess;

beforeAll(async () => {
  directory = temporaryDirectory();
  gatehouse = await startGatehouse();
});
afterAll(() => gatehouse.remove());

const command = (...args: readonly string[]) => runCommand(gatehouse.adminKubeconfig, args);
/** Nobody to ask: whatever is verified is verified by the files alone. */
const offline = (...args: readonly string[]) =>
  runCommand(join(directory, "no-such-kubeconfig"), ["ledger", "verify", ...args]);

async function kept(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await command("ledger", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const file = join(directory, name);
  writeFileSync(file, stdout);
  return file;
}

async function restart(meanwhile: () => void = () => undefined): Promise<void> {
  const { dataDirectory } = gatehouse;
  await gatehouse.stop();
  meanwhile();
  gatehouse = await startGatehouse({ dataDirectory });
}

test("a certificate is proven offline, and what follows a checkpoint is, over restarts, until the file is changed", async () => {
  const key = await kept("ledger.pub", "checkpoint", "--public-key");
  const old = await kept("old.txt", "checkpoint");
  const listed = await command("certificate", "list", "-o", "json");
  const [{ fingerprint }] = JSON.parse(listed.stdout).items;
  const proof = await kept("proof.json", "prove", fingerprint);
  const shown = await offline("--proof", proof, "--public-key", key, "-o", "json");
  expect(JSON.parse(JSON.parse(shown.stdout).entry)).toMatchObject({
    kind: "certificate.issued",
    subject: fingerprint,
  });

  await restart();
  await command("token", "create");
  expect(await kept("same.pub", "checkpoint", "--public-key")).toBeDefined();
  const grown = await command("ledger", "verify", "--checkpoint", old, "--public-key", join(directory, "same.pub"));
  expect(grown).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("Only added to since:") });
  const growth = await kept("growth.json", "prove", "--since", old);
  expect((await offline("--proof", growth, "--checkpoint", old, "--public-key", key)).code).toBe(0);

  await restart(() => {
    const database = new Database(join(gatehouse.dataDirectory, "gatehouse.db"));
    database.exec("UPDATE audit SET payload = replace(payload, '\"gatehouse\"', '\"somebody\"') WHERE sequence = 1");
    database.close();
  });
  const changed = await command("ledger", "verify", "--checkpoint", old, "--public-key", key);
  expect(changed).toMatchObject({ code: 1, stderr: expect.stringContaining("did not grow out of that checkpoint") });
  expect((await offline("--proof", proof, "--public-key", key)).code).toBe(0);
});
