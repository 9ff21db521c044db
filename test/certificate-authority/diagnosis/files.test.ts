import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { type Installation, makeInstallation } from "../../builders/installation.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { examine, lines } from "./examine.ts";

const uid = process.getuid?.() ?? 0;
let made: Installation;
beforeEach(async () => {
  made = await makeInstallation();
});

test("an installation as it is made has nothing that lets others in", async () => {
  const { dataDirectory } = made;
  for (const id of ["files.data-directory", "files.private", "files.parents"])
    expect(await examine(id, { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
});

test.each([
  { mode: 0o755, outcome: "warning" },
  { mode: 0o770, outcome: "error" },
  { mode: 0o702, outcome: "error" },
])("a data directory of mode $mode: $outcome", async ({ mode, outcome }) => {
  const { dataDirectory } = made;
  chmodSync(dataDirectory, mode);
  expect(await examine("files.data-directory", { dataDirectory })).toMatchObject([
    { outcome, wayOut: `chmod 700 ${dataDirectory}` },
  ]);
});

test("a data directory that is not there yet, is a file, or is somebody else's", async () => {
  const { dataDirectory } = made;
  const missing = join(dataDirectory, "missing");
  expect(await examine("files.data-directory", { dataDirectory: missing })).toMatchObject([{ outcome: "skipped" }]);
  const file = join(dataDirectory, "ca.crt");
  expect(await examine("files.data-directory", { dataDirectory: file })).toMatchObject([{ outcome: "error" }]);
  expect(await examine("files.data-directory", { dataDirectory, system: { uid: uid + 1 } })).toMatchObject([
    { outcome: "warning", finding: `belongs to user ${uid}, and this is user ${uid + 1}` },
  ]);
});

test("a parent that others may write is an error, a sticky one is not", async () => {
  const parent = temporaryDirectory();
  const dataDirectory = join(parent, "data");
  mkdirSync(dataDirectory, { mode: 0o700 });
  chmodSync(parent, 0o777);
  expect(await examine("files.parents", { dataDirectory })).toMatchObject([
    { outcome: "error", subject: parent, wayOut: `chmod go-w ${parent}` },
  ]);
  chmodSync(parent, 0o1777);
  expect(await examine("files.parents", { dataDirectory })).toMatchObject([{ outcome: "ok" }]);
});

test("each file with a secret that others may read is named with its way out", async () => {
  const { dataDirectory, issuerId } = made;
  const opened = ["gatehouse.db", `keys/issuer-${issuerId}.sealed`, "keys/encryption.key"].map((name) =>
    join(dataDirectory, name),
  );
  for (const path of opened) chmodSync(path, 0o644);
  chmodSync(join(dataDirectory, "keys"), 0o750);
  const findings = await examine("files.private", { dataDirectory });
  expect(findings.map(({ wayOut = "" }) => wayOut).toSorted()).toEqual(
    [`chmod 700 ${join(dataDirectory, "keys")}`, ...opened.map((path) => `chmod 600 ${path}`)].toSorted(),
  );
  expect(findings.every(({ outcome }) => outcome === "error")).toBe(true);
});

test("a configured key file counts too; one that somebody else keeps is theirs unless everybody may read it", async () => {
  const keyFile = join(temporaryDirectory(), "key");
  writeFileSync(keyFile, "", { mode: 0o640 });
  const scene = { settings: { encryption: { keyFile } } };
  expect(await examine("files.private", scene)).toMatchObject([{ outcome: "error", wayOut: `chmod 600 ${keyFile}` }]);
  const stranger = { ...scene, system: { uid: uid + 1 } };
  expect(await examine("files.private", stranger)).toMatchObject([{ outcome: "ok" }]);
  chmodSync(keyFile, 0o644);
  expect(await examine("files.private", stranger)).toMatchObject([{ outcome: "warning" }]);
});

test("a PIN that others may read is an error, a webhook's kubeconfig a warning", async () => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "");
  chmodSync(path, 0o644);
  const tokens = [{ name: "hsm", module: "libsofthsm2.so", slot: 0, pinFile: path }];
  expect(await examine("files.private", { settings: { tokens } })).toMatchObject([{ outcome: "error", subject: path }]);
  const authorization = [{ type: "Webhook", name: "policy", kubeconfigFile: path, failurePolicy: "Deny" }];
  expect(await examine("files.private", { settings: { authorization } })).toMatchObject([
    { outcome: "warning", subject: path },
  ]);
});

test("files that the configuration names must be there", async () => {
  const present = join(temporaryDirectory(), "blocked");
  writeFileSync(present, "");
  const keyPolicy = { blockedKeysFile: present, weakKeysFile: `${present}-missing` };
  expect(lines(await examine("files.configured", { settings: { keyPolicy } }))).toEqual([
    `ok ${present}: can be read`,
    `error ${present}-missing: does not exist`,
  ]);
  expect(await examine("files.configured")).toMatchObject([{ outcome: "ok" }]);
});

test("nothing is changed by looking", async () => {
  const { dataDirectory } = made;
  chmodSync(join(dataDirectory, "keys"), 0o755);
  const state = () =>
    readdirSync(dataDirectory, { recursive: true })
      .map(String)
      .toSorted()
      .map((name) => {
        const { mode, size, mtimeMs, ino } = statSync(join(dataDirectory, name));
        return { name, mode, size, mtimeMs, ino };
      });
  const before = state();
  for (const topic of ["files", "keys", "encryption", "ledger", "expiry", "clock"])
    await examine(topic, { dataDirectory });
  expect(state()).toEqual(before);
});
