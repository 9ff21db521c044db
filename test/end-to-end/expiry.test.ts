import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { openLedger } from "../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../services/shared/clock.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { certificateRecord } from "../builders/records.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const DAY = 86_400_000;
const WAIT_LIMIT_MILLISECONDS = 30_000;
const SERVING = "kubernetes.io/kubelet-serving";
const directory = temporaryDirectory();
const told = join(directory, "told");
const switchFile = join(directory, "hangs");

/** Appends what it is told to a file, and while the switch is there never ends, so that nobody knows that it was told. */
const TELLER = `#!${process.execPath}
const { appendFileSync, existsSync } = require("node:fs");
let text = "";
process.stdin.on("data", (chunk) => { text += chunk; }).on("end", () => {
  appendFileSync(${JSON.stringify(told)}, text);
  if (existsSync(${JSON.stringify(switchFile)})) setInterval(() => undefined, 1000);
});
`;

let dataDirectory: string;
let gatehouse: GatehouseProcess | undefined;

beforeAll(async () => {
  writeFileSync(join(directory, "teller.cjs"), TELLER);
  chmodSync(join(directory, "teller.cjs"), 0o755);
  dataDirectory = mkdtempSync(join(tmpdir(), "gatehouse-e2e-"));
  const silent = createLogger({ level: "silent" });
  const ledger = await openLedger({ file: join(dataDirectory, "gatehouse.db"), clock: systemClock, logger: silent });
  const now = Date.now();
  const ending = (nodeName: string, serial: string, days: number, signerName?: string) =>
    ledger.certificates.record(
      certificateRecord({
        ...{ serial, nodeName, commonName: `system:node:${nodeName}` },
        ...{ notBefore: new Date(now + (days - 100) * DAY), notAfter: new Date(now + days * DAY) },
        ...(signerName !== undefined && { signerName }),
      }),
    );
  await ending("lost", "0a", -1);
  await ending("late", "0b", 5);
  await ending("late", "0c", 3, SERVING);
  await ending("fresh", "0d", 60);
  await ledger.close();
});

afterEach(async () => {
  await gatehouse?.stop();
});
afterAll(() => rmSync(dataDirectory, { recursive: true, force: true }));

async function start(): Promise<GatehouseProcess> {
  const script = { command: [join(directory, "teller.cjs")] };
  const notifications = [{ name: "teller", timeoutSeconds: 60, script }];
  const configuration = configurationWith({ expiry: { scanSeconds: 1, notifications } });
  gatehouse = await startGatehouse({ dataDirectory, configuration });
  return gatehouse;
}

interface Notice {
  readonly id: string;
  readonly state: string;
  readonly name: string;
}

function notices(): readonly Notice[] {
  if (!existsSync(told)) return [];
  const lines = readFileSync(told, "utf8").trim().split("\n");
  return lines.flatMap((line) => (JSON.parse(line) as { items: Notice[] }).items);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50))
    if (await holds()) return;
  throw new Error(`it took too long: ${what}`);
}

test("kill -9 in the middle of a notification: what nobody confirmed is told again, what was confirmed is not", async () => {
  writeFileSync(switchFile, "");
  const first = await start();
  await until("the program is told", () => notices().length > 0);
  await first.stop("SIGKILL");
  const before = notices();
  expect(before.map(({ name, state }) => `${name} ${state}`)).toEqual(["lost lost", "late overdue", "late overdue"]);
  rmSync(switchFile);
  const second = await start();
  const client = new HttpsClient(second.url, readKubeconfig(second.adminKubeconfig).credentials);
  await until("it has looked", async () => (await metric(client, "gatehouse_expiry_observed_seconds")) > 0);
  await until("all was taken", async () => (await metric(client, "gatehouse_expiry_notifications_waiting")) === 0);
  const again = notices().slice(before.length);
  expect(again).toEqual(before);
  await second.stop();
  const third = await start();
  const other = new HttpsClient(third.url, readKubeconfig(third.adminKubeconfig).credentials);
  await until("it has looked", async () => (await metric(other, "gatehouse_expiry_observed_seconds")) > 0);
  await pause(2_500);
  expect(notices()).toHaveLength(2 * before.length);
  client.close();
  other.close();
});

async function metric(client: HttpsClient, name: string): Promise<number> {
  const { body } = await client.send("GET", "/metrics");
  const line = String(body)
    .split("\n")
    .find((each) => each.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.slice(name.length));
}

test("the command, the API, a plot and the metrics tell the same", async () => {
  const { adminKubeconfig, url } = await start();
  const { stdout } = await runCommand(adminKubeconfig, ["expiry", "-o", "json"]);
  const report = JSON.parse(stdout) as {
    readonly items: readonly { readonly name: string; readonly state: string }[];
    readonly counts: readonly { readonly signerName: string }[];
  };
  expect(report.items.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "lost lost",
    "late overdue",
    "late overdue",
  ]);
  expect(report.counts).toContainEqual(
    expect.objectContaining({
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      fresh: 1,
      overdue: 1,
      lost: 1,
    }),
  );
  const forecast = await runCommand(adminKubeconfig, ["forecast", "--until", "30d", "-o", "json"]);
  expect(JSON.parse(forecast.stdout)).toMatchObject({
    ...{ nodes: 2, leaving: 1, lost: 1 },
    items: [{ nodeName: "late", signerName: SERVING }],
  });
  const plot = await runCommand(adminKubeconfig, ["forecast", "-o", "svg"]);
  expect(plot.stdout).toContain("1 of 2 nodes leave");
  const client = new HttpsClient(url, readKubeconfig(adminKubeconfig).credentials);
  await until("it has looked", async () => (await metric(client, "gatehouse_expiry_observed_seconds")) > 0);
  const state = 'gatehouse_expiry_holders{signer="kubernetes.io/kube-apiserver-client-kubelet",state="lost"}';
  expect(await metric(client, state)).toBe(1);
  client.close();
});
