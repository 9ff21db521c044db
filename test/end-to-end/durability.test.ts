import { createHash, randomInt, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { type Acknowledged, startJoinLoad } from "./support/join-load.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

/** `GATEHOUSE_KILL_ROUNDS=100 npm test -- durability` takes some minutes. */
const ROUNDS = Number(process.env["GATEHOUSE_KILL_ROUNDS"] ?? "8");
const CLIENTS = 16;
const MOST_SUBMISSIONS = 60;
const MOST_MILLISECONDS_MORE = 40;
const ROUND_LIMIT_MILLISECONDS = 60_000;

jest.setTimeout(120_000 + ROUNDS * ROUND_LIMIT_MILLISECONDS);

let dataDirectory: string;
let gatehouse: GatehouseProcess | undefined;
beforeAll(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "gatehouse-durability-"));
});
afterAll(async () => {
  await gatehouse?.stop("SIGKILL");
  rmSync(dataDirectory, { recursive: true, force: true });
});

function start(): Promise<GatehouseProcess> {
  return startGatehouse({ dataDirectory, configuration: autoApproving({ log: { level: "warn" } }) });
}

test(`nothing acknowledged is lost, no serial is given twice: kill -9 under load, ${ROUNDS} times`, async () => {
  const started = Date.now();
  const everything: Acknowledged = { submitted: [], received: [], approved: [], tokens: [] };
  gatehouse = await start();
  for (let round = 0; round < ROUNDS; round += 1) {
    const acknowledged = await killUnderLoad(gatehouse);
    gatehouse = await start();
    await expectOnRecord(gatehouse, acknowledged);
    await finishJoins(gatehouse, acknowledged);
    everything.submitted.push(...acknowledged.submitted);
    everything.received.push(...acknowledged.received);
    everything.approved.push(...acknowledged.approved);
    everything.tokens.push(...acknowledged.tokens);
  }
  await expectOnRecord(gatehouse, everything);
  await expectOneCertificateEach(gatehouse, everything);
  expect(await gatehouse.stop()).toBe(0);
  report(everything, Date.now() - started);
});

/** @returns what had been acknowledged when the process was gone. */
async function killUnderLoad(running: GatehouseProcess): Promise<Acknowledged> {
  const load = startJoinLoad(running, CLIENTS);
  await load.submissions(randomInt(MOST_SUBMISSIONS));
  await new Promise((resolve) => setTimeout(resolve, randomInt(MOST_MILLISECONDS_MORE)));
  const ended = load.end();
  expect(await running.stop("SIGKILL")).toBe("SIGKILL");
  await ended;
  return load.acknowledged;
}

/** A join that was cut off ends with the next process as if nothing had happened. */
async function finishJoins(running: GatehouseProcess, { submitted, received }: Acknowledged): Promise<void> {
  const bootstrap = readKubeconfig(running.bootstrapKubeconfig);
  const finished = new Set(received.map(({ uid }) => uid));
  const cutOff = submitted.filter(({ uid }) => !finished.has(uid));
  const ends = cutOff.map(async ({ nodeName, ...own }) => {
    const kubelet = new KubeletClient({ ...bootstrap, nodeName, rotateCertificates: true });
    received.push(await kubelet.waitFor(own).finally(() => kubelet.close()));
  });
  await Promise.all(ends);
}

async function expectOnRecord(running: GatehouseProcess, acknowledged: Acknowledged): Promise<void> {
  const administrator = new Administrator(running.adminKubeconfig);
  try {
    const byUid = new Map((await administrator.requests()).map((csr) => [csr.metadata.uid, csr]));
    const lost = [
      ...acknowledged.submitted.filter(({ uid, name }) => byUid.get(uid)?.metadata.name !== name),
      ...acknowledged.received.filter(({ uid, certificatePem }) => !isStored(byUid.get(uid), certificatePem)),
    ];
    expect(lost.map(({ name }) => name)).toEqual([]);

    const byName = new Map([...byUid.values()].map((csr) => [csr.metadata.name, csr]));
    const undecided = acknowledged.approved.filter((name) => {
      const csr = byName.get(name);
      return csr === undefined || conditionOf(csr, "Approved") === undefined;
    });
    expect(undecided).toEqual([]);

    const tokens = new Set(await administrator.tokenIds());
    expect(acknowledged.tokens.filter((id) => !tokens.has(id))).toEqual([]);
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true, problems: [] });
  } finally {
    administrator.close();
  }
}

/** Every certificate is on record once, every serial is new, every request was answered with one certificate at most. */
async function expectOneCertificateEach(running: GatehouseProcess, { received }: Acknowledged): Promise<void> {
  const administrator = new Administrator(running.adminKubeconfig);
  try {
    const onRecord = await administrator.certificates();
    expect((await administrator.verifyLedger()).certificates).toBe(onRecord.length);
    expect(new Set(onRecord.map(({ serial }) => serial)).size).toBe(onRecord.length);
    const requests = onRecord.flatMap(({ request }) => request?.uid ?? []);
    expect(new Set(requests).size).toBe(requests.length);
    const serials = new Map(onRecord.map(({ fingerprint, serial }) => [fingerprint, serial]));
    for (const { certificatePem } of received) {
      const { raw, serialNumber } = new X509Certificate(certificatePem);
      const fingerprint = createHash("sha256").update(raw).digest("hex");
      expect(serials.get(fingerprint)).toBe(serialNumber.toLowerCase());
    }
  } finally {
    administrator.close();
  }
}

function isStored(csr: CertificateSigningRequest | undefined, certificatePem: string): boolean {
  return csr?.status.certificate === Buffer.from(certificatePem).toString("base64");
}

/** Only a run that asks for its own number of rounds wants to know. */
function report({ submitted, received, approved, tokens }: Acknowledged, milliseconds: number): void {
  if (process.env["GATEHOUSE_KILL_ROUNDS"] === undefined) return;
  const counts = `${submitted.length} joins, ${received.length} certificates, ${approved.length} approvals, ${tokens.length} tokens`;
  process.stderr.write(`${ROUNDS} rounds, ${counts}, ${Math.round(milliseconds / 1000)} s\n`);
}
