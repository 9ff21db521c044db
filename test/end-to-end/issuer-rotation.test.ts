import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { RotatingFleet } from "./support/rotating-fleet.ts";

/** `scripts/rehearse-rotation` has 200 nodes. Certificates of many live longer, so that two cores can keep up. */
const SIZE = Number(process.env["GATEHOUSE_FLEET"] ?? "8");
const SHORTEST_LIFETIME_SECONDS = 600;
const CLOCK = fileURLToPath(new URL("./support/shifted-clock.ts", import.meta.url));
const ROTATION = "/v1/configured-issuers/default/rotation";
const LIFETIME_SECONDS = Math.max(16, Math.ceil(SIZE * 0.75));
/** Nobody renews while the server starts, which takes its time on a machine that has other things to do. */
const STARTS_IN_A_LIFETIME = 5;
const STEP_LIMIT_MILLISECONDS = 60_000 + LIFETIME_SECONDS * 5_000;

jest.setTimeout(60_000 + STEP_LIMIT_MILLISECONDS * 6);

interface Rotation {
  readonly phase: string;
  readonly summary: string;
  readonly trust?: { readonly shown: number; readonly total: number; readonly missing: readonly string[] };
  readonly slots: readonly { readonly slot: string; readonly lastBlockingEnds?: string }[];
}

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of opened.splice(0).toReversed()) await end();
});

/** A server whose certificates soon end, the fleet that lives by it, and what an administrator does. */
class Rehearsal {
  readonly #directory = temporaryDirectory();
  readonly #clockFile = join(this.#directory, "clock");
  readonly #started = Date.now();
  readonly #isTold = process.env["GATEHOUSE_FLEET"] !== undefined;
  #gatehouse: GatehouseProcess | undefined;
  #lifetimeSeconds = LIFETIME_SECONDS;
  fleet: RotatingFleet | undefined;

  async begin(): Promise<void> {
    this.shiftClock(this.#lifetimeSeconds - SHORTEST_LIFETIME_SECONDS);
    const started = Date.now();
    await this.#start();
    const startSeconds = Math.ceil((Date.now() - started) / 1000);
    this.#lifetimeSeconds = Math.max(LIFETIME_SECONDS, startSeconds * STARTS_IN_A_LIFETIME);
    this.shiftClock(this.#lifetimeSeconds - SHORTEST_LIFETIME_SECONDS);
    await pause(500);
    const { bootstrapKubeconfig } = this.#server;
    const lifetimeMilliseconds = this.#lifetimeSeconds * 1000;
    const pollMilliseconds = Math.max(1_000, SIZE * 80);
    const fleet = await RotatingFleet.join({ size: SIZE, bootstrapKubeconfig, lifetimeMilliseconds, pollMilliseconds });
    opened.push(() => fleet.stop());
    this.fleet = fleet;
    fleet.run();
    await this.tell(`${SIZE} nodes have joined; their certificates live ${this.#lifetimeSeconds} s`);
  }

  get #server(): GatehouseProcess {
    if (this.#gatehouse === undefined) throw new Error("there is no server");
    return this.#gatehouse;
  }

  get trustBundle(): string {
    return readFileSync(this.#server.caFile, "utf8");
  }

  /** By how many seconds the server's clock is ahead. */
  shiftClock(seconds: number): void {
    writeFileSync(this.#clockFile, String(seconds));
  }

  async kill(): Promise<void> {
    expect(await this.#server.stop("SIGKILL")).toBe("SIGKILL");
    await this.#start();
    await this.tell("kill -9, and a new start");
  }

  /** Takes a step; the answer, or what the refusal says. */
  async step(step: string, body: object = {}): Promise<Rotation & { readonly message?: string }> {
    return this.#ask("POST", `${ROTATION}/${step}`, body);
  }

  status(): Promise<Rotation> {
    return this.#ask("GET", ROTATION);
  }

  async activeCertificate(): Promise<string> {
    const { items } = await this.#ask<{ items: readonly { slot: string; certificatePem: string }[] }>(
      "GET",
      "/v1/issuers",
    );
    return items.find(({ slot }) => slot === "active")?.certificatePem ?? "";
  }

  async verifyLedger(): Promise<unknown> {
    const administrator = new Administrator(this.#server.adminKubeconfig);
    return administrator.verifyLedger().finally(() => administrator.close());
  }

  async eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    for (const limit = Date.now() + STEP_LIMIT_MILLISECONDS; !(await isSo()); await pause(100)) {
      if (Date.now() > limit) throw new Error(`${what} did not come about; ${JSON.stringify(await this.status())}`);
    }
    await this.tell(what);
  }

  async tell(what: string): Promise<void> {
    if (!this.#isTold) return;
    const { pairHandshakes = 0, serverHandshakes = 0, renewals = 0, failures = [] } = this.fleet?.counts ?? {};
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(1).padStart(6);
    const counts = `${pairHandshakes} handshakes between nodes, ${serverHandshakes} with the server, ${failures.length} failed, ${renewals} renewals`;
    process.stderr.write(`${seconds} s  ${what}\n          ${(await this.status()).summary}\n          ${counts}\n`);
  }

  async #start(): Promise<void> {
    const dataDirectory = join(this.#directory, "data");
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
    const configuration = autoApproving({
      signing: { maxDurationSeconds: SHORTEST_LIFETIME_SECONDS },
      approval: {
        guards: { firstJoin: "allow", certificatesPerNodePerHour: 1000 },
        hooks: [
          { "kubelet-client": {} },
          { "kubelet-serving": { sources: [{ nameSuffixes: { suffixes: ["fleet.test"] } }] } },
        ],
      },
      log: { level: "warn" },
    });
    const environment = {
      NODE_OPTIONS: `--import=${CLOCK} --disable-warning=ExperimentalWarning`,
      GATEHOUSE_TEST_CLOCK_FILE: this.#clockFile,
    };
    const isFirst = this.#gatehouse === undefined;
    const gatehouse = await startGatehouse({ dataDirectory, configuration, environment });
    this.#gatehouse = gatehouse;
    if (isFirst) opened.push(() => this.#server.stop("SIGKILL"));
    this.fleet?.moveTo(gatehouse.url);
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const { url, credentials } = readKubeconfig(this.#server.adminKubeconfig);
    const https = new HttpsClient(url, credentials);
    const headers = { "content-type": "application/json" };
    const message = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const answer = await https.send(method, path, message).finally(() => https.close());
    return JSON.parse(answer.body.toString());
  }
}

/** The whole way from one CA to the next; `between` happens between each two steps. */
async function rotate(rehearsal: Rehearsal, between: () => Promise<void>): Promise<void> {
  const { fleet } = rehearsal;
  if (fleet === undefined) throw new Error("there is no fleet");
  const [late] = fleet.members;
  if (late === undefined) throw new Error("the fleet is empty");

  late.isSilent = true;
  expect((await rehearsal.step("prepare")).phase).toBe("prepared");
  await rehearsal.tell("prepared");
  await between();
  await rehearsal.eventually("every node but one is shown to hold the new CA", async () => {
    const { trust } = await rehearsal.status();
    return trust?.total === SIZE && trust.missing.length === 1;
  });
  const refusal = await rehearsal.step("activate");
  expect(refusal.message).toContain(`1 of ${SIZE} consumers are not shown to trust the new CA of default`);
  expect(refusal.message).toContain("system:node:fleet-0");
  late.isSilent = false;
  await rehearsal.eventually("every node is shown to hold the new CA", async () => {
    const { trust } = await rehearsal.status();
    return trust?.shown === SIZE;
  });
  expect((await rehearsal.step("activate")).phase).toBe("replacing");
  await rehearsal.tell("activated");
  await between();
  const issuer = await rehearsal.activeCertificate();
  expect((await rehearsal.step("retire")).message).toMatch(
    /live certificates of the old issuer of default would stop working/,
  );
  await rehearsal.eventually("every node is on the new CA", () => fleet.isOn(issuer));
  await rehearsal.eventually("the record says so", async () =>
    /^(\d+) of \1 live/.test((await rehearsal.status()).summary),
  );
  // What the old CA signed has ended by this machine's clock; from here on by the server's as well.
  const { slots } = await rehearsal.status();
  const last = slots.find(({ slot }) => slot === "old")?.lastBlockingEnds ?? "";
  await pause(Math.max(0, Date.parse(last) + 1000 - Date.now()));
  rehearsal.shiftClock(0);
  await rehearsal.eventually("retired", async () => (await rehearsal.step("retire")).phase === "steady");
  await rehearsal.eventually("every node has certificates of the clock of now", () => fleet.lasts(60));
  await between();
  expect(rehearsal.trustBundle.match(/BEGIN/g)).toHaveLength(1);
  await rehearsal.eventually("every node trusts the new CA alone", () => fleet.holding(rehearsal.trustBundle) === SIZE);
}

async function expectNoFailure(rehearsal: Rehearsal): Promise<void> {
  const counts = rehearsal.fleet?.counts;
  expect(counts?.failures).toEqual([]);
  expect(counts?.pairHandshakes).toBeGreaterThan(SIZE * 10);
  expect(counts?.renewals).toBeGreaterThan(SIZE);
  expect(await rehearsal.verifyLedger()).toMatchObject({ sound: true });
}

test(`a CA is replaced under ${SIZE} nodes, after one was prepared and taken back: no handshake fails`, async () => {
  const rehearsal = new Rehearsal();
  await rehearsal.begin();
  const before = rehearsal.trustBundle;
  expect((await rehearsal.step("prepare")).phase).toBe("prepared");
  const both = rehearsal.trustBundle;
  expect(both.match(/BEGIN/g)).toHaveLength(2);
  await rehearsal.eventually("every node trusts both CAs", () => rehearsal.fleet?.holding(both) === SIZE);
  expect((await rehearsal.step("abandon")).phase).toBe("steady");
  expect(rehearsal.trustBundle).toBe(before);
  await rehearsal.eventually("every node trusts the first CA alone", () => rehearsal.fleet?.holding(before) === SIZE);

  await rotate(rehearsal, async () => undefined);
  await expectNoFailure(rehearsal);
});

test(`the same with kill -9 between each two steps`, async () => {
  const rehearsal = new Rehearsal();
  await rehearsal.begin();
  await rotate(rehearsal, () => rehearsal.kill());
  await expectNoFailure(rehearsal);
  expect(rehearsal.fleet?.counts.interruptions).toBeGreaterThan(0);
});
