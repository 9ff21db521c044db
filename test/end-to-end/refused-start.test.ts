import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { buildIssuer } from "../builders/issuer.ts";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { configurationWith } from "./support/configuration.ts";
import { startGatehouse } from "./support/gatehouse-process.ts";
import { type AuthorityFiles, makeAuthority } from "./support/openssl-authority.ts";

jest.setTimeout(120_000);

const ENTRY = join(import.meta.dirname, "../../dist/cli/gatehouse.js");
const START_LIMIT_MILLISECONDS = 20_000;
const directory = temporaryDirectory();

let right: AuthorityFiles;
let other: AuthorityFiles;
beforeAll(() => {
  right = makeAuthority(directory, { commonName: "right", kind: "ecdsa-p384" });
  other = makeAuthority(directory, { commonName: "other", kind: "rsa-2048" });
});

/** Starts a server that is to give up by itself. */
function start(settings: object, dataDirectory = mkdtempSync(join(directory, "data-"))) {
  const file = join(dataDirectory, "configuration.yaml");
  writeFileSync(file, configurationWith(settings));
  const serve = ["serve", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0", "--config", file];
  const options = { encoding: "utf8", timeout: START_LIMIT_MILLISECONDS, killSignal: "SIGKILL" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [ENTRY, ...serve], options);
  return { status, stdout, stderr };
}

function expectRefusal(outcome: ReturnType<typeof start>, message: RegExp): void {
  expect(outcome.stderr).toMatch(message);
  expect(outcome.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(outcome).toMatchObject({ status: 1, stdout: "" });
}

test.each([
  {
    name: "another CA's key",
    files: () => ({ ...right, keyFile: other.keyFile }),
    message: /the private key is not the one of the certificate .*right\.crt/,
  },
  {
    name: "a certificate that is no CA",
    files: () => makeAuthority(directory, { commonName: "leaf", kind: "ecdsa-p384", basicConstraints: "CA:FALSE" }),
    message: /leaf\.crt is no CA certificate/,
  },
  {
    name: "an expired CA",
    files: expired,
    message: /expired\.crt expired at .*configure a CA that is valid/,
  },
  {
    name: "a missing file",
    files: () => ({ ...right, keyFile: join(directory, "missing.key") }),
    message: /missing\.key does not exist; check the configured path/,
  },
  {
    name: "a key under a passphrase",
    files: () => ({ ...right, keyFile: encrypted(right.keyFile) }),
    message: /encrypted\.key is under a passphrase; take it off first/,
  },
  {
    name: "two certificates in one file",
    files: () => ({ ...right, certificateFile: joined(right.certificateFile, other.certificateFile) }),
    message: /two\.crt must hold exactly one PEM block/,
  },
])("refuses to import $name", ({ files, message }) => {
  expectRefusal(start({ issuer: { import: files() } }), message);
});

function expired(): AuthorityFiles {
  const { certificatePem, privateKey } = buildIssuer("ecdsa-p256", { notAfter: new Date(Date.now() - 1000) });
  const files = { certificateFile: join(directory, "expired.crt"), keyFile: join(directory, "expired.key") };
  writeFileSync(files.certificateFile, certificatePem);
  writeFileSync(files.keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  return files;
}

function encrypted(keyFile: string): string {
  const path = join(directory, "encrypted.key");
  openssl("pkcs8", "-topk8", "-in", keyFile, "-passout", "pass:secret", "-out", path);
  return path;
}

function joined(...files: readonly string[]): string {
  const path = join(directory, "two.crt");
  writeFileSync(path, files.map((file) => openssl("x509", "-in", file)).join(""));
  return path;
}

test.each([
  { name: "an unknown setting", settings: { isuers: {} }, message: /Unrecognized key: "isuers"/ },
  { name: "an unknown algorithm", settings: { issuer: { keyAlgorithm: "dsa" } }, message: /→ at issuer\.keyAlgorithm/ },
  {
    name: "nothing but an issuer that awaits its certificate",
    settings: { issuer: { externallySigned: true } },
    message: /awaits its certificate.*name another issuer for gatehouse\.dev\/serving under signers/,
  },
  {
    name: "an issuer that may not certify this host",
    settings: { issuer: { nameConstraints: { permitted: { dnsNames: ["example.com"] } } } },
    message: /gatehouse\.dev\/serving: the DNS name "localhost" is outside the permitted "example\.com"/,
  },
  { name: "a missing RBAC file", settings: { rbac: { files: ["nowhere.yaml"] } }, message: /nowhere\.yaml/ },
])("refuses $name in the configuration", ({ settings, message }) => {
  expectRefusal(start(settings), message);
});

/** What a server left behind that ran with nothing configured. */
async function usedDirectory(): Promise<string> {
  const gatehouse = await startGatehouse();
  await gatehouse.stop();
  return gatehouse.dataDirectory;
}

test("refuses what a data directory cannot go on with, and goes on when it is put right", async () => {
  const dataDirectory = await usedDirectory();
  const aside = join(directory, "aside");
  mkdirSync(aside);
  try {
    expectRefusal(start({ issuer: { import: right } }, dataDirectory), /remove issuer\.import, or start with an empty/);

    renameSync(join(dataDirectory, "keys"), join(aside, "keys"));
    expectRefusal(
      start({}, dataDirectory),
      /or is missing; restore the keys directory from a backup\. Nothing was changed/,
    );
    expect(existsSync(join(dataDirectory, "keys"))).toBe(false);
    // A directory that was made to mount or restore keys into is left empty.
    mkdirSync(join(dataDirectory, "keys"));
    expectRefusal(start({}, dataDirectory), /holds none of their keys/);
    expect(readdirSync(join(dataDirectory, "keys"))).toEqual([]);
    rmSync(join(dataDirectory, "keys"), { recursive: true });
    renameSync(join(aside, "keys"), join(dataDirectory, "keys"));

    renameSync(join(dataDirectory, "keys", "encryption.key"), join(aside, "encryption.key"));
    expectRefusal(start({}, dataDirectory), /encryption\.key is missing, .*restore the key file from a backup/);
    renameSync(join(aside, "encryption.key"), join(dataDirectory, "keys", "encryption.key"));

    const gatehouse = await startGatehouse({ dataDirectory });
    expectRefusal(
      start({}, dataDirectory),
      /gatehouse\.db is in use by another Gatehouse process; stop that one first/,
    );
    expect(await gatehouse.stop()).toBe(0);
  } finally {
    rmSync(dataDirectory, { recursive: true });
  }
});
