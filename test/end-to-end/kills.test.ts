import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, jest, test } from "@jest/globals";
import { initializePki } from "../../services/certificate-authority/pki.ts";
import { controlPlaneSettings } from "../builders/control-plane.ts";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { SettableClock } from "../fakes/settable-clock.ts";
import { Administrator, type JobRunOutcome } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

/** How often each job and each step is killed, each time at a moment that is drawn. More of them are a rehearsal. */
const ROUNDS = Number(process.env["GATEHOUSE_KILL_ROUNDS"] ?? "1");
const KILLER = fileURLToPath(new URL("./support/kill-at-write.ts", import.meta.url));
const SHIFT_CLOCK = fileURLToPath(new URL("./support/shift-clock.ts", import.meta.url));
const DAY_SECONDS = 86_400;
/** When what was made before the kills was made: long enough ago that jobs find it to be due. */
const BEFORE_SECONDS = 2 * DAY_SECONDS;
/** A job that was killed runs again once its lease is seen to be dead, half a minute after a start. */
const LEASE_LIMIT_MILLISECONDS = 90_000;
/** More moments than most have; one that has fewer is killed right after its answer. */
const MOMENTS = 10;
const [TOKENS, REQUESTS, CERTIFICATES] = [12, 12, 4];

/** Those that write something durable, in an order in which each finds something to do. */
const JOBS = [
  ...["clean-requests", "prune-archive", "expire-tokens", "watch-expiry", "write-crls", "renew-control-plane"],
  ...["renew-own-certificates", "rotate-issuers"],
];
const STEPS = ["prepare", "abandon", "activate", "retire"] as const;
type Step = (typeof STEPS)[number];

/** The slots that come and go by each step. */
const CHANGES: Readonly<Record<Step, readonly string[]>> = {
  prepare: ["+prepared"],
  abandon: ["+ended", "-prepared"],
  activate: ["+active", "+old", "-active", "-prepared"],
  retire: ["+ended", "-old"],
};
const FORCES: Readonly<Record<Step, object>> = {
  ...{ prepare: {}, abandon: {} },
  activate: { force: ["consumers-not-shown-to-trust"] },
  retire: { force: ["live-certificates"] },
};

jest.setTimeout(120_000 + ROUNDS * 180_000);

interface IssuerState {
  readonly id: string;
  readonly slot: string;
  readonly name: string;
  readonly certificatePem: string;
  readonly endedAt?: string;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** An authority in a directory of its own, that is killed and started again. */
class Victim {
  readonly directory = temporaryDirectory();
  readonly dataDirectory = join(this.directory, "data");
  readonly trustBundle = join(this.directory, "trust.pem");
  readonly crls = join(this.directory, "crls");
  readonly pki = join(this.directory, "kubernetes", "pki");
  readonly #killFile = join(this.directory, "kill");
  #server: GatehouseProcess | undefined;
  #administrator: Administrator | undefined;
  #https: HttpsClient | undefined;

  constructor() {
    mkdirSync(this.dataDirectory, { recursive: true, mode: 0o700 });
    ends.push(() => this.stop("SIGKILL"));
  }

  get administrator(): Administrator {
    if (this.#administrator === undefined) throw new Error("there is no server");
    return this.#administrator;
  }

  /** @param shiftSeconds - how far ahead its clock is; then it is not to be killed. */
  async start(shiftSeconds?: number): Promise<void> {
    rmSync(this.#killFile, { force: true });
    const clockFile = join(this.directory, "clock");
    writeFileSync(clockFile, String(shiftSeconds ?? 0));
    const environment = {
      NODE_OPTIONS: `--import=${shiftSeconds === undefined ? KILLER : SHIFT_CLOCK} --disable-warning=ExperimentalWarning`,
      ...{ KILL_FILE: this.#killFile, CLOCK_SHIFT_FILE: clockFile },
    };
    const configuration = this.#configuration();
    this.#server = await startGatehouse({ dataDirectory: this.dataDirectory, configuration, environment });
    const { adminKubeconfig } = this.#server;
    const { url, credentials } = readKubeconfig(adminKubeconfig);
    this.#administrator = new Administrator(adminKubeconfig);
    this.#https = new HttpsClient(url, credentials);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#administrator?.close();
    this.#https?.close();
    await this.#server?.stop(signal);
  }

  /** No job runs by itself. */
  #configuration(): string {
    const { advertiseAddress, nodeName } = controlPlaneSettings();
    const target = { name: "nobody", script: { command: ["/bin/cat"] }, states: ["overdue", "lost"] };
    return configurationWith({
      jobs: Object.fromEntries(JOBS.map((name) => [name, { enabled: false }])),
      revocation: { crl: { directory: this.crls } },
      issuerRotation: { trustBundleFiles: [{ path: this.trustBundle }] },
      ledger: { archive: { maxRequests: 0 } },
      expiry: { notifications: [target] },
      ...(existsSync(this.pki) && {
        controlPlane: { ...{ directory: this.pki, advertiseAddress, nodeName, keyAlgorithm: "ecdsa-p256" } },
      }),
    });
  }

  /** Does something that is killed at its n-th moment, or after its answer, and starts again. @returns the answer. */
  async killed<T>(moment: number, work: () => Promise<T>): Promise<T | undefined> {
    writeFileSync(this.#killFile, String(moment));
    const answer = await Promise.race([work(), this.#gone()]).catch(() => undefined);
    await this.stop("SIGKILL");
    await this.start();
    return answer;
  }

  async #gone(): Promise<undefined> {
    while (this.#server?.hasEnded() === false) await pause(5);
    return undefined;
  }

  async json<T>(method: string, path: string, body?: object): Promise<T> {
    if (this.#https === undefined) throw new Error("there is no server");
    const headers = { "content-type": "application/json" };
    const message = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const { status, body: answer } = await this.#https.send(method, path, message);
    if (status >= 300) throw new Error(`${status} ${answer.toString()}`);
    return JSON.parse(answer.toString()) as T;
  }

  async issuers(): Promise<readonly IssuerState[]> {
    const { items } = await this.json<{ items: readonly IssuerState[] }>("GET", "/v1/issuers");
    return items.filter(({ name }) => name === "default");
  }

  /** Who is in which slot, a line each; those that have ended too. */
  async slots(): Promise<readonly string[]> {
    return (await this.issuers()).map(({ id, slot, endedAt }) => `${id} ${endedAt === undefined ? slot : "ended"}`);
  }

  step(step: Step): Promise<unknown> {
    return this.json("POST", `/v1/configured-issuers/default/rotation/${step}`, FORCES[step]);
  }

  /** What must hold after any kill. @param what - stands in the failure. */
  async expectWhole(what: string): Promise<void> {
    const { problems } = await this.administrator.verifyLedger();
    expect([what, problems]).toEqual([what, []]);
    const live = (await this.issuers()).filter(({ endedAt }) => endedAt === undefined);
    const count = (slot: string): number => live.filter((one) => one.slot === slot).length;
    expect([what, count("active"), count("prepared") <= 1]).toEqual([what, 1, true]);
    const bundle = readFileSync(this.trustBundle, "utf8");
    expect([what, bundle.match(/BEGIN CERTIFICATE/g)?.length]).toEqual([what, live.length]);
    for (const { certificatePem } of live) expect(bundle).toContain(certificatePem.trim());
    expect([what, readFileSync(join(this.dataDirectory, "ca.crt"), "utf8")]).toEqual([what, bundle]);
  }
}

/** How many kills came before the answer. */
let inside = 0;

/** A transcript of a rehearsal. */
function tell(what: string, answer: unknown): void {
  if (answer === undefined) inside += 1;
  if (process.env["GATEHOUSE_KILL_ROUNDS"] !== undefined) process.stderr.write(`${what}\n`);
}

const drawn = (): number => 1 + Math.floor(Math.random() * MOMENTS);

async function killEachStep(): Promise<void> {
  const victim = new Victim();
  await victim.start();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const step of STEPS) {
      await makeReady(victim, step);
      const before = await victim.slots();
      const moment = drawn();
      const answer = await victim.killed(moment, () => victim.step(step));
      const after = await victim.slots();
      const what = `${step} killed at moment ${moment}, ${answer === undefined ? "not answered" : "answered"}`;
      const changed = changes(before, after);
      tell(what, answer);
      if (answer !== undefined || changed.length > 0) expect([what, changed]).toEqual([what, CHANGES[step]]);
      await victim.expectWhole(what);
      if (changed.length === 0) await victim.step(step);
    }
  }
  await expectNoLeftOvers(victim);
}

/** A key that was made for a step which did not come about is used by the next one; what has ended leaves none. */
async function expectNoLeftOvers(victim: Victim): Promise<void> {
  await makeReady(victim, "prepare");
  await victim.step("prepare");
  await victim.administrator.runJob("rotate-issuers");
  const issuers = await victim.issuers();
  const files = readdirSync(join(victim.dataDirectory, "keys"), { recursive: true, encoding: "utf8" });
  const hasKey = (id: string): boolean => files.some((name) => name.includes(id) && name.endsWith(".sealed"));
  const live = issuers.filter(({ endedAt }) => endedAt === undefined);
  expect(live.filter(({ id }) => !hasKey(id))).toEqual([]);
  const sealed = files.filter((name) => /[0-9a-f]{64}.*\.sealed$/.test(name));
  expect(sealed).toHaveLength(live.length);
}

function changes(before: readonly string[], after: readonly string[]): readonly string[] {
  const slotOf = (line: string): string => line.split(" ")[1] ?? "";
  const come = after.filter((line) => !before.includes(line)).map((line) => `+${slotOf(line)}`);
  const gone = before.filter((line) => !after.includes(line)).map((line) => `-${slotOf(line)}`);
  return [...come, ...gone].toSorted();
}

/** Takes the steps that come before one. */
async function makeReady(victim: Victim, step: Step): Promise<void> {
  const slots = (await victim.slots()).map((line) => line.split(" ")[1]);
  const isPrepared = slots.includes("prepared");
  if (step === "prepare" && isPrepared) await victim.step("abandon");
  if (step === "abandon" || step === "activate") if (!isPrepared) await victim.step("prepare");
  if (step !== "retire" || slots.includes("old")) return;
  if (!isPrepared) await victim.step("prepare");
  await victim.step("activate");
}

/** What the jobs are to work on, and what they are to leave alone. */
async function furnish(victim: Victim): Promise<void> {
  const past = new SettableClock(new Date(Date.now() - BEFORE_SECONDS * 1000));
  await initializePki(
    {
      ...{ ...controlPlaneSettings(), keyAlgorithm: "ecdsa-p256", lifetimeSeconds: BEFORE_SECONDS * 1.25 },
      ...{ isExternal: true, isRenewing: false, renewBeforeSeconds: undefined },
      ...{ directory: victim.pki, dataDirectory: victim.dataDirectory },
    },
    past,
  );
  await victim.start(-BEFORE_SECONDS);
  const { administrator } = victim;
  for (let index = 0; index < TOKENS; index += 1) await administrator.createToken({ ttlSeconds: 3_600 });
  for (let index = 0; index < REQUESTS; index += 1) await submit(victim, `old-${index}`);
  for (let index = 0; index < CERTIFICATES; index += 1) {
    const { metadata } = await submit(victim, `certified-${index}`);
    await administrator.approve(metadata.name);
  }
  const isIssued = async () => (await administrator.certificates({ signer: CLIENT })).length >= CERTIFICATES;
  while (!(await isIssued())) await pause(50);
  await victim.stop("SIGTERM");
  await victim.start();
  await victim.administrator.createToken({ ttlSeconds: DAY_SECONDS });
  await submit(victim, "new");
}

const CLIENT = "kubernetes.io/kube-apiserver-client";

function submit({ administrator }: Victim, commonName: string) {
  const { requestBase64: request } = buildCsr({ commonName, organizations: [] });
  const spec = { request, signerName: CLIENT, usages: ["client auth"], expirationSeconds: 600 };
  return administrator.submit({ metadata: { generateName: `${commonName}-` }, spec } as never);
}

async function killEachJob(): Promise<void> {
  const victim = new Victim();
  await furnish(victim);
  const certificates = (await victim.administrator.certificates()).map(({ fingerprint }) => fingerprint);
  const [token] = await victim.administrator.tokenIds();
  const kept = (await victim.administrator.requests()).find(({ metadata }) => metadata.name.startsWith("new-"));
  for (const job of JOBS) {
    const moment = drawn();
    const answer = await victim.killed(moment, () => victim.administrator.runJob(job));
    const what = `${job} killed at moment ${moment}, ${answer === undefined ? "not answered" : answer.summary}`;
    tell(what, answer);
    await victim.expectWhole(what);
    const { administrator } = victim;
    const found = new Set((await administrator.certificates()).map(({ fingerprint }) => fingerprint));
    expect([what, certificates.filter((one) => !found.has(one))]).toEqual([what, []]);
    const requests = (await administrator.requests()).map(({ metadata }) => metadata.uid);
    expect([what, requests.includes(kept?.metadata.uid ?? "")]).toEqual([what, true]);
  }
  expect(token).toBeDefined();
  await expectDone(victim);
}

/** Each job runs again, ends what was begun, and then has nothing left to do. */
async function expectDone(victim: Victim): Promise<void> {
  const { administrator } = victim;
  for (const job of JOBS) {
    const { outcome, summary } = await untilFree(() => administrator.runJob(job));
    expect([job, outcome, summary]).toEqual([job, "succeeded", expect.any(String)]);
  }
  const left: Record<string, string> = {};
  for (const job of JOBS) left[job] = (await administrator.runJob(job, true)).summary;
  expect(left).toEqual({
    "clean-requests": "would delete 0 of 1 requests",
    "prune-archive": expect.stringMatching(/^would drop 0 requests/),
    "expire-tokens": "would remove 0 tokens",
    "watch-expiry": "nothing new to tell",
    "write-crls": "would write 0 CRLs",
    "renew-control-plane": expect.stringMatching(/^would renew 0 of /),
    "renew-own-certificates": "would renew 0 of 2 certificates",
    "rotate-issuers": "would take 0 steps",
  });
  expect(await administrator.tokenIds()).toHaveLength(1);
  const pairs = readdirSync(victim.pki, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".key"));
  for (const name of pairs.filter((one) => one !== "sa.key")) {
    const key = createPrivateKey(readFileSync(join(victim.pki, name)));
    const certificate = new X509Certificate(readFileSync(join(victim.pki, name.replace(/\.key$/, ".crt"))));
    expect([name, certificate.checkPrivateKey(key)]).toEqual([name, true]);
    expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now() + 300 * DAY_SECONDS * 1000);
  }
  expect(readdirSync(victim.crls).every((name) => /^[0-9a-f]{64}\.crl$/.test(name))).toBe(true);
  await victim.expectWhole("at the end");
}

async function untilFree(run: () => Promise<JobRunOutcome>): Promise<JobRunOutcome> {
  for (const until = performance.now() + LEASE_LIMIT_MILLISECONDS; ; await pause(500)) {
    try {
      return await run();
    } catch (error) {
      if (!String(error).includes("Conflict") || performance.now() > until) throw error;
    }
  }
}

test("kill -9 inside each step of an issuer's rotation and each job: nothing is lost, nothing is half done", async () => {
  const jobs = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) await killEachJob();
  };
  await Promise.all([killEachStep(), jobs()]);
  tell(`${inside} of ${ROUNDS * (JOBS.length + STEPS.length)} kills came before the answer`, {});
  expect(inside).toBeGreaterThan(0);
});
