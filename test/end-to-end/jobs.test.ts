import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { configurationWith } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const DAY_SECONDS = 86_400;
const SHIFT_CLOCK = new URL("./support/shift-clock.ts", import.meta.url).pathname;

interface Run {
  readonly id: number;
  readonly outcome: string;
  readonly summary: string;
  readonly holder: string;
}

let gatehouse: GatehouseProcess;
afterEach(() => gatehouse.remove());

/** A server whose wall clock can be set. */
async function startShifted(settings: object) {
  const file = join(temporaryDirectory(), "shift");
  const set = (seconds: number): void => {
    writeFileSync(`${file}.new`, String(seconds));
    renameSync(`${file}.new`, file);
  };
  set(0);
  const environment = { NODE_OPTIONS: `--import ${SHIFT_CLOCK}`, CLOCK_SHIFT_FILE: file };
  gatehouse = await startGatehouse({ configuration: configurationWith(settings), environment });
  return { set };
}

/** One connection of the administrator that is kept open; `ports` has the local port of each request. */
function keptConnection() {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports: (number | undefined)[] = [];
  async function get<T>(path: string): Promise<T> {
    const { caPem, certificatePem = "", privateKeyPem = "" } = credentials;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        `${url}${path}`,
        { agent, ca: caPem, cert: certificatePem, key: privateKeyPem },
        resolve,
      );
      outgoing.once("error", reject).end();
    });
    ports.push(answer.socket.localPort);
    return JSON.parse(await text(answer)) as T;
  }
  return { get, ports, close: () => agent.destroy() };
}

async function runsOf(connection: ReturnType<typeof keptConnection>, job: string): Promise<readonly Run[]> {
  return (await connection.get<{ items: readonly Run[] }>(`/v1/jobs/${job}/runs`)).items;
}

async function eventually<T>(seconds: number, look: () => Promise<T | undefined | false>): Promise<T> {
  for (const until = performance.now() + seconds * 1000; performance.now() < until; await pause(100)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`it did not happen within ${seconds} s; the server logged:\n${gatehouse.log()}`);
}

/** Of a new connection; the certificate may be one of the future. */
async function servingSerial(): Promise<string> {
  const { hostname: host, port } = new URL(gatehouse.url);
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened = connect({ host, port: Number(port), rejectUnauthorized: false }, () => resolve(opened));
    opened.once("error", reject);
  });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test("the command lists jobs, tries one, runs one, and shows what became of it, also after a restart", async () => {
  gatehouse = await startGatehouse();
  const rotate = (...args: readonly string[]) => runCommand(gatehouse.adminKubeconfig, ["rotate", ...args]);
  expect((await rotate("--list")).stdout).toMatch(/^clean-requests +@every 3600s /m);
  expect(await rotate("clean-requests", "--dry-run")).toMatchObject({
    ...{ code: 0, stdout: "would delete 0 of 0 requests\n", stderr: "" },
  });
  expect(await rotate("expire-tokens")).toMatchObject({ code: 0, stdout: "removed 0 tokens\n" });
  expect(await rotate("prune-archive", "--dry-run")).toMatchObject({
    ...{ code: 0, stdout: expect.stringMatching(/^would drop 0 requests; kept are at most 250000 /) },
  });
  const { dataDirectory } = gatehouse;
  await gatehouse.stop();
  gatehouse = await startGatehouse({ dataDirectory });
  const history = await rotate("--history", "clean-requests");
  expect(history.stdout).toMatch(
    /manual \(dry run\) +gatehouse-admin +\d\.\d{3} +succeeded +would delete 0 of 0 requests/,
  );
});

test("the server's own certificates are renewed when they are due, and a connection that is open stays open", async () => {
  const clock = await startShifted({});
  const connection = keptConnection();
  const serial = await servingSerial();
  const administrator = readFileSync(gatehouse.adminKubeconfig, "utf8");
  await connection.get("/v1/jobs");
  clock.set(250 * DAY_SECONDS);
  // It is behind its schedule, too, and runs by itself.
  await eventually(90, async () =>
    (await runsOf(connection, "renew-own-certificates")).some(({ summary }) => /^renewed [12] of/.test(summary)),
  );
  expect(await servingSerial()).not.toBe(serial);
  await eventually(10, async () => readFileSync(gatehouse.adminKubeconfig, "utf8") !== administrator);
  await connection.get("/v1/jobs");
  expect(new Set(connection.ports).size).toBe(1);
  connection.close();
});

test("a clock that jumps a day ahead, and back, makes no storm and stops nothing", async () => {
  const jobs = { "expire-tokens": { schedule: "*/2 * * * * *", jitterSeconds: 0 } };
  const clock = await startShifted({ jobs });
  const connection = keptConnection();
  const newest = async (): Promise<number> => (await runsOf(connection, "expire-tokens"))[0]?.id ?? 0;
  await eventually(20, async () => (await newest()) > 0);
  for (const shift of [DAY_SECONDS, 0]) {
    const before = await newest();
    clock.set(shift);
    const from = performance.now();
    await eventually(20, async () => (await newest()) >= before + 3);
    const runs = (await runsOf(connection, "expire-tokens")).filter(({ id }) => id > before);
    // Every two seconds, and once for what lies behind.
    expect(runs.length).toBeLessThanOrEqual((performance.now() - from) / 2000 + 3);
    expect(runs.filter(({ outcome }) => outcome !== "running").every(({ outcome }) => outcome === "succeeded")).toBe(
      true,
    );
  }
  connection.close();
});

test("kill -9 in a job: the run is recorded as interrupted, and the job goes on in the next process", async () => {
  const jobs = { "expire-tokens": { schedule: "* * * * * *", jitterSeconds: 0 } };
  // Commits are slow enough to be killed in the middle of the job's own.
  const slow = { ledger: { commitDelayMilliseconds: 1000 }, jobs };
  gatehouse = await startGatehouse({ configuration: configurationWith(slow) });
  const before = keptConnection();
  const killed = await eventually(30, async () =>
    (await runsOf(before, "expire-tokens")).find(({ outcome }) => outcome === "running"),
  );
  before.close();
  await gatehouse.stop("SIGKILL");
  const { dataDirectory } = gatehouse;
  gatehouse = await startGatehouse({ configuration: configurationWith({ jobs }), dataDirectory });
  const after = keptConnection();
  await eventually(60, async () => {
    const runs = await runsOf(after, "expire-tokens");
    return runs.some(({ id, outcome }) => id > killed.id && outcome === "succeeded");
  });
  const runs = await runsOf(after, "expire-tokens");
  expect(runs.filter(({ outcome }) => outcome === "interrupted").map(({ holder }) => holder)).toEqual([killed.holder]);
  expect(runs.some(({ holder, outcome }) => holder !== killed.holder && outcome === "succeeded")).toBe(true);
  after.close();
});
