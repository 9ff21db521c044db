import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";
import { KNOWN_JOBS } from "../../services/certificate-authority/rotation/scheduler/settings.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { configurationWith } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";

jest.setTimeout(60_000);

let gatehouse: GatehouseProcess;
afterEach(() => gatehouse.remove());

/** Every file of a directory but the ledger's own, with its content. */
function filesIn(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => {
    return !name.startsWith("gatehouse.db") && statSync(join(directory, name)).isFile();
  });
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(directory, name), "base64")]));
}

test("each job can be tried: it says what it would do, and does nothing", async () => {
  const outside = temporaryDirectory();
  const [blockedKeysFile, directory] = [join(outside, "blocked"), join(outside, "crls")];
  writeFileSync(blockedKeysFile, "");
  const jobs = Object.fromEntries(Object.keys(KNOWN_JOBS).map((name) => [name, { enabled: false }]));
  const settings = { jobs, keyPolicy: { blockedKeysFile }, revocation: { crl: { directory } } };
  gatehouse = await startGatehouse({ configuration: configurationWith(settings) });
  const administrator = new Administrator(gatehouse.adminKubeconfig);
  await administrator.createToken({ ttlSeconds: 3_600 });
  writeFileSync(blockedKeysFile, `${"ab".repeat(32)}\n`);

  const before = filesIn(gatehouse.dataDirectory);
  const state = async () => {
    const certificates = (await administrator.certificates()).map(({ serial }) => serial);
    return [certificates, await administrator.requests(), await administrator.tokenIds()];
  };
  const stateBefore = await state();
  const said: Record<string, string> = {};
  for (const name of await administrator.jobs()) {
    const { outcome, summary, details } = await administrator.runJob(name, true);
    said[name] = [outcome, summary, ...(details.lines ?? [])].join("; ");
  }
  expect(said).toEqual({
    "clean-requests": "succeeded; would delete 0 of 0 requests",
    "prune-archive": expect.stringMatching(/^succeeded; would drop 0 requests; kept are at most 250000 /),
    "expire-tokens": "succeeded; would remove 0 tokens",
    "watch-attestation": "succeeded; nobody is approved past attestation; would forget 0 challenges and credentials",
    "rotate-issuers": "succeeded; would take 0 steps",
    "watch-expiry": "succeeded; nothing new to tell",
    "renew-own-certificates": "succeeded; would renew 0 of 2 certificates",
    "renew-control-plane": "succeeded; no control plane is configured (controlPlane.directory)",
    "check-issuer-files": "succeeded; nothing has changed",
    "write-crls": expect.stringMatching(/^succeeded; would write 1 CRLs; issuer [0-9a-f]{64}$/),
    "check-configuration": "succeeded; nothing has changed",
    "reload-key-lists": `succeeded; would look at what has changed: 1; ${blockedKeysFile}`,
    "maintain-authenticators": "succeeded; nothing has changed",
  });
  expect(Object.keys(said).toSorted()).toEqual(Object.keys(KNOWN_JOBS).toSorted());
  expect(filesIn(gatehouse.dataDirectory)).toEqual(before);
  expect(await state()).toEqual(stateBefore);
  expect(existsSync(directory)).toBe(false);

  expect(await administrator.runJob("write-crls")).toMatchObject({ outcome: "succeeded", summary: "wrote 1 CRLs" });
  expect(await administrator.runJob("write-crls", true)).toMatchObject({ summary: "would write 0 CRLs" });
  expect(await administrator.runJob("reload-key-lists")).toMatchObject({ summary: "looked at what has changed: 1" });
  expect(await administrator.runJob("reload-key-lists", true)).toMatchObject({ summary: "nothing has changed" });
  administrator.close();
});
