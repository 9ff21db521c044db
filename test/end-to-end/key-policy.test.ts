import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { generateKey } from "../builders/keys.ts";
import { closePrimes, infineonPrimes, rsaKeyOf } from "../builders/rsa-keys.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;

const opened: { close(): void }[] = [];
const directory = temporaryDirectory();
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function kubelet(gatehouse: GatehouseProcess, nodeName: string): KubeletClient {
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const client = new KubeletClient({ ...bootstrap, nodeName, rotateCertificates: true });
  opened.push(client);
  return client;
}

function spkiSha256(privateKey: KeyObject): string {
  return createHash("sha256")
    .update(createPublicKey(privateKey).export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** The first condition of a request, once it has one. */
async function firstCondition(administrator: Administrator, name: string) {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const [condition] = (await administrator.request(name)).status.conditions ?? [];
    if (condition) return condition;
  }
  throw new Error(`request ${name} was not decided`);
}

describe("with joins approved automatically", () => {
  const blockedKeysFile = join(directory, "blocked-keys.txt");
  const debianWeak = generateKey("rsa-2048").privateKey;
  const weakKeysFile = join(directory, "blacklist.RSA-2048");
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    writeFileSync(blockedKeysFile, "# none yet\n");
    writeFileSync(weakKeysFile, `${debianEntry(debianWeak)}\n`);
    gatehouse = await startGatehouse({
      configuration: autoApproving({ keyPolicy: { blockedKeysFile, weakKeysFile } }),
    });
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  test.each([
    { name: "RSA of 1024 bits", key: () => generateKey("rsa-1024").privateKey, says: /1024 bits is too small/ },
    { name: "P-224", key: () => generateKey("ecdsa-p224").privateKey, says: /curve P-224/ },
    { name: "a ROCA key", key: () => rsaKeyOf(infineonPrimes()), says: /CVE-2017-15361/ },
    { name: "close primes", key: () => rsaKeyOf(closePrimes()), says: /Fermat/ },
    { name: "a key on Debian's list", key: () => debianWeak, says: /CVE-2008-0166/ },
  ])("$name is denied, and no person gets it signed", async ({ key, says }) => {
    const { name } = await kubelet(gatehouse, "weak").submit(key());
    const denied = { type: "Denied", reason: "WeakKey", message: expect.stringMatching(says) };
    expect(await firstCondition(administrator, name)).toMatchObject(denied);
    await expect(administrator.approve(name)).rejects.toMatchObject({ status: { code: 422, reason: "Invalid" } });
    const { items } = await administrator.decisions(name);
    expect(items.at(-1)).toMatchObject({ outcome: "denied", hook: "key-policy" });
    expect(await administrator.certificates({ request: name })).toEqual([]);
  });

  test("a node renews with its key; another node is refused it", async () => {
    const first = kubelet(gatehouse, "node-a");
    const joined = await first.bootstrap();
    const renewing = first.withCertificate(joined);
    opened.push(renewing);
    await renewing.waitFor(await renewing.submit(joined.privateKey));
    expect(await administrator.certificates({ node: "node-a" })).toHaveLength(2);

    const { name } = await kubelet(gatehouse, "node-b").submit(joined.privateKey);
    expect(await firstCondition(administrator, name)).toMatchObject({
      type: "Denied",
      reason: "KeyOfAnotherNode",
      message: expect.stringContaining('"node-a"'),
    });
    expect(await administrator.certificates({ node: "node-b" })).toEqual([]);
  });

  test("of two nodes that show one key at the same time, one joins", async () => {
    const { privateKey } = generateKey("ecdsa-p256");
    const names = ["twin-1", "twin-2"];
    const submitted = await Promise.all(names.map((node) => kubelet(gatehouse, node).submit(privateKey)));
    const conditions = await Promise.all(submitted.map(({ name }) => firstCondition(administrator, name)));
    expect(conditions.map(({ type }) => type).toSorted()).toEqual(["Approved", "Denied"]);
  });

  test("a key that is put on the list is refused without a restart, a broken list changes nothing", async () => {
    const { privateKey } = generateKey("ecdsa-p256");
    replace(blockedKeysFile, `${spkiSha256(privateKey)}\n`);
    await logged(gatehouse, /read a list of keys again/);
    const denied = { type: "Denied", reason: "BlockedKey" };
    const first = await kubelet(gatehouse, "stolen-1").submit(privateKey);
    expect(await firstCondition(administrator, first.name)).toMatchObject(denied);
    replace(blockedKeysFile, "nonsense\n");
    await logged(gatehouse, /the one read before stays in force/);
    const second = await kubelet(gatehouse, "stolen-2").submit(privateKey);
    expect(await firstCondition(administrator, second.name)).toMatchObject(denied);
  });
});

test("what is relaxed is named at the start and certified", async () => {
  const keyPolicy = { minimumRsaBits: 1024, curves: ["P-224", "P-256"], allowKeyReuseAcrossNodes: true };
  const gatehouse = await startGatehouse({ configuration: autoApproving({ keyPolicy }) });
  try {
    for (const setting of ["minimumRsaBits", "curves has P-224", "allowKeyReuseAcrossNodes"]) {
      expect(gatehouse.log()).toContain(`keyPolicy.${setting}`);
    }
    const { privateKey } = generateKey("rsa-1024");
    for (const node of ["relaxed-1", "relaxed-2"]) {
      const client = kubelet(gatehouse, node);
      await client.waitFor(await client.submit(privateKey));
    }
    const client = kubelet(gatehouse, "relaxed-3");
    await client.waitFor(await client.submit(generateKey("ecdsa-p224").privateKey));
  } finally {
    await gatehouse.remove();
  }
});

/** As Debian makes the entries: the end of the SHA-1 of what `openssl rsa -modulus` prints. */
function debianEntry(privateKey: KeyObject): string {
  const { n = "" } = privateKey.export({ format: "jwk" });
  const modulus = Buffer.from(n, "base64url").toString("hex").toUpperCase();
  return createHash("sha1").update(`Modulus=${modulus}\n`).digest("hex").slice(20);
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function logged(gatehouse: GatehouseProcess, pattern: RegExp): Promise<void> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    if (pattern.test(gatehouse.log())) return;
  }
  throw new Error(`the server did not log ${pattern}`);
}
