import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { localProvider, writeEncryptionConfiguration } from "../builders/encryption-configuration.ts";
import { FakeKmsPlugin } from "../fakes/kms-plugin.ts";
import { autoApproving } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

let home: string;
let dataDirectory: string;
let encryptionFile: string;
let plugin: FakeKmsPlugin;
let running: GatehouseProcess[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "gatehouse-encryption-"));
  dataDirectory = mkdtempSync(join(home, "data-"));
  encryptionFile = join(home, "encryption.yaml");
  plugin = new FakeKmsPlugin(join(home, "kms.sock"));
  running = [];
  await plugin.start();
});
afterEach(async () => {
  for (const gatehouse of running) await gatehouse.stop();
  plugin.stop();
  rmSync(home, { recursive: true });
});

async function start(encryption?: object): Promise<GatehouseProcess> {
  const configuration = autoApproving(encryption === undefined ? {} : { encryption });
  const gatehouse = await startGatehouse({ dataDirectory, configuration });
  running.push(gatehouse);
  return gatehouse;
}

const configured = () => start({ configurationFile: encryptionFile, kmsWaitSeconds: 10 });
const configure = (...providers: readonly object[]) => writeEncryptionConfiguration(encryptionFile, ...providers);
const kms = () => ({ kms: { apiVersion: "v2", name: "vault", endpoint: plugin.endpoint, timeout: "5s" } });

async function reencrypt({ adminKubeconfig }: GatehouseProcess) {
  const { code, stdout, stderr } = await runCommand(adminKubeconfig, ["issuer", "reencrypt", "-o", "json"]);
  return { code, stderr, outcome: code === 0 ? (JSON.parse(stdout) as object) : undefined };
}

/** A join with the token that was given out at the first start. */
async function joinWithToken(gatehouse: GatehouseProcess, nodeName: string): Promise<void> {
  const bootstrap = readKubeconfig(join(dataDirectory, "bootstrap.kubeconfig"));
  const kubelet = new KubeletClient({ ...bootstrap, url: gatehouse.url, nodeName, rotateCertificates: true });
  try {
    expect((await kubelet.bootstrap()).certificatePem).toContain("BEGIN CERTIFICATE");
  } finally {
    kubelet.close();
  }
}

async function readiness({ adminKubeconfig }: GatehouseProcess): Promise<string> {
  const { url, credentials } = readKubeconfig(adminKubeconfig);
  const client = new HttpsClient(url, credentials);
  const { status, body } = await client.send("GET", "/readyz?verbose");
  client.close();
  return `${status} ${body.toString()}`;
}

test("from the generated key to a KMS and on: tokens, CA and certificates stay through it all", async () => {
  const first = await start();
  await joinWithToken(first, "worker-1");
  const caPem = readFileSync(first.caFile, "utf8");
  await first.stop();

  const secret = readFileSync(join(dataDirectory, "keys", "encryption.key"), "utf8").trim();
  const generated = { aesgcm: { keys: [{ name: "generated", secret }] } };
  configure(kms(), generated);
  const second = await configured();
  await joinWithToken(second, "worker-2");
  expect(await reencrypt(second)).toMatchObject({
    code: 0,
    outcome: { provider: "kms", keyName: "vault", rewritten: 2 },
  });
  expect(await reencrypt(second)).toMatchObject({ code: 0, outcome: { sealedFiles: 2, rewritten: 0 } });
  configure(localProvider("secretbox", 1), kms());
  expect(await reencrypt(second)).toMatchObject({ code: 0, outcome: { provider: "secretbox", rewritten: 2 } });
  await second.stop();

  plugin.stop();
  configure(localProvider("secretbox", 1));
  const third = await configured();
  await joinWithToken(third, "worker-3");
  expect(readFileSync(third.caFile, "utf8")).toBe(caPem);
  const sealed = readdirSync(join(dataDirectory, "keys")).filter((name) => name.endsWith(".sealed"));
  expect(sealed.map((name) => readFileSync(join(dataDirectory, "keys", name))[5])).toEqual([3, 3]);
});

test("a KMS that goes away while certificates are signed: signing goes on, health and errors say it, then it is back", async () => {
  configure(kms());
  const gatehouse = await configured();
  expect(await readiness(gatehouse)).toBe("200 [+]ledger ok\n[+]kms-providers ok\nok\n");
  const before = readdirSync(join(dataDirectory, "keys"));
  const joins = Array.from({ length: 10 }, (_, index) => joinWithToken(gatehouse, `worker-${index}`));
  plugin.stop();
  await Promise.all(joins);
  await joinWithToken(gatehouse, "worker-later");
  expect(await readiness(gatehouse)).toBe("503 [+]ledger ok\n[-]kms-providers failed\nnot ready\n");
  const refused = await reencrypt(gatehouse);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /cannot encrypt private keys anew: .*the KMS plugin "vault" at unix:.* cannot be used now/,
    ),
  });
  await plugin.start();
  plugin.rotate("key-2");
  expect(await readiness(gatehouse)).toMatch(/^200 /);
  expect(await reencrypt(gatehouse)).toMatchObject({ code: 0, outcome: { rewritten: 2 } });
  expect(readdirSync(join(dataDirectory, "keys"))).toEqual(before);
  expect(gatehouse.log()).toMatch(/"warn".*"the KMS plugin is not healthy"[\s\S]*"the KMS plugin is healthy again"/);
});

test("a start without the KMS it needs waits, says so, and gives up with a way out", async () => {
  configure(kms());
  await (await configured()).stop();
  plugin.stop();
  const said = configured().then(
    () => "started",
    (error: Error) => error.message,
  );
  expect(await said).toMatch(
    /waiting for the KMS plugin before starting[\s\S]*error: .*\(waited 10 s\).*encryption\.kmsWaitSeconds/,
  );
  await plugin.start();
  await configured();
});
