import { X509Certificate } from "node:crypto";
import { appendFileSync, chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type Custody, openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const CA_EXTENSIONS = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];

let home: string;
let custody: Custody;
let log: ReturnType<typeof recordingLogger>;
let counter = 0;

beforeAll(() => {
  home = temporaryDirectory();
});
beforeEach(async () => {
  counter += 1;
  log = recordingLogger();
  custody = await openCustody({ directory: join(home, `keys-${counter}`), encryption: {}, logger: log.logger });
});

const at = (name: string): string => join(home, `${counter}-${name}`);
const importNow = (certificateFile: string, keyFile: string, now = new Date()) =>
  custody.importIssuer({ certificateFile, keyFile, now }).then(({ issuer }) => issuer);

/** A self-signed certificate for the key in `keyFile`, made by openssl. */
function certify(keyFile: string, extensions: readonly string[] = CA_EXTENSIONS, days = 30): string {
  const file = at("ca.crt");
  const template = ["-subj", "/CN=kubernetes", "-days", String(days), ...extensions];
  openssl("req", "-x509", "-new", "-key", keyFile, "-out", file, "-config", emptyConfig(), ...template);
  return file;
}

/** Without it openssl adds extensions of its own. */
function emptyConfig(): string {
  const file = at("empty.cnf");
  writeFileSync(file, "[req]\ndistinguished_name = dn\n[dn]\n");
  return file;
}

function makeKey(command: string, ...args: readonly string[]): string {
  const file = at("ca.key");
  openssl(command, "-out", file, ...args);
  chmodSync(file, 0o600);
  return file;
}

const p256 = (): string => makeKey("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256");

test.each<{ name: string; args: readonly [string, ...string[]]; begins: string; algorithm: string }>([
  {
    name: "PKCS#1 RSA, as kubeadm writes it",
    args: ["genrsa", "-traditional", "2048"],
    begins: "RSA PRIVATE KEY",
    algorithm: "rsa-2048",
  },
  {
    name: "SEC1 with parameters",
    args: ["ecparam", "-genkey", "-name", "prime256v1"],
    begins: "EC PARAMETERS",
    algorithm: "ecdsa-p256",
  },
  {
    name: "SEC1 alone",
    args: ["ecparam", "-genkey", "-noout", "-name", "secp384r1"],
    begins: "EC PRIVATE KEY",
    algorithm: "ecdsa-p384",
  },
  {
    name: "PKCS#8 RSA",
    args: ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    begins: "PRIVATE KEY",
    algorithm: "rsa-3072",
  },
  {
    name: "PKCS#8 P-521",
    args: ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    begins: "PRIVATE KEY",
    algorithm: "ecdsa-p521",
  },
  { name: "PKCS#8 Ed25519", args: ["genpkey", "-algorithm", "ED25519"], begins: "PRIVATE KEY", algorithm: "ed25519" },
])("a CA with a key in $name is taken over", async ({ args, begins, algorithm }) => {
  const keyFile = makeKey(...args);
  expect(readFileSync(keyFile, "utf8").startsWith(`-----BEGIN ${begins}-----`)).toBe(true);
  const certificateFile = certify(keyFile);
  const before = readFileSync(keyFile, "utf8");
  const { description, privateKey } = await importNow(certificateFile, keyFile);
  expect(description.keyAlgorithm).toBe(algorithm);
  expect(description.commonName).toBe("kubernetes");
  expect(description.certificatePem).toBe(new X509Certificate(readFileSync(certificateFile)).toString());
  expect(new X509Certificate(description.certificatePem).checkPrivateKey(privateKey)).toBe(true);
  expect(readFileSync(keyFile, "utf8")).toBe(before);
  expect(await custody.issuerIds()).toEqual([description.id]);
  expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
});

test("importing the same CA again changes nothing", async () => {
  const keyFile = p256();
  const certificateFile = certify(keyFile);
  const first = await importNow(certificateFile, keyFile);
  const sealed = join(home, `keys-${counter}`, `issuer-${first.description.id}.sealed`);
  const before = readFileSync(sealed);
  const second = await importNow(certificateFile, keyFile);
  expect(second.description).toEqual(first.description);
  expect(readFileSync(sealed)).toEqual(before);
});

test("a certificate with text before it is taken", async () => {
  const keyFile = p256();
  const file = certify(keyFile);
  writeFileSync(file, openssl("x509", "-in", file, "-text").replaceAll("\n", "\r\n"));
  expect((await importNow(file, keyFile)).description.commonName).toBe("kubernetes");
});

test("a CA without keyUsage is taken, for absence restricts nothing", async () => {
  const keyFile = p256();
  const file = certify(keyFile, ["-addext", "basicConstraints=CA:TRUE"]);
  expect((await importNow(file, keyFile)).description.commonName).toBe("kubernetes");
});

test("a key file that others may read is taken with a warning", async () => {
  const keyFile = p256();
  chmodSync(keyFile, 0o644);
  await importNow(certify(keyFile), keyFile);
  expect(log.lines).toContainEqual(
    expect.objectContaining({ level: "warn", keyFile, msg: expect.stringContaining(`chmod 600 ${keyFile}`) }),
  );
});

test.each<{ name: string; extensions: readonly string[]; code: string; words: string }>([
  { name: "without basicConstraints", extensions: [], code: "NotACertificateAuthority", words: "basicConstraints" },
  {
    name: "with CA:FALSE",
    extensions: ["-addext", "basicConstraints=CA:FALSE"],
    code: "NotACertificateAuthority",
    words: "CA:TRUE",
  },
  {
    name: "without keyCertSign",
    extensions: ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=digitalSignature"],
    code: "NotACertificateAuthority",
    words: "keyCertSign",
  },
])("a certificate $name is refused", async ({ extensions, code, words }) => {
  const keyFile = p256();
  await expectRefusal(importNow(certify(keyFile, extensions), keyFile), code, words);
});

test.each<{ name: string; args: readonly [string, ...string[]]; code: string; words: string }>([
  {
    name: "RSA of 1024 bits",
    args: ["genrsa", "-traditional", "1024"],
    code: "KeyTooWeak",
    words: "1024 bits",
  },
  {
    name: "P-224",
    args: ["ecparam", "-genkey", "-noout", "-name", "secp224r1"],
    code: "UnsupportedKey",
    words: "secp224r1",
  },
  {
    name: "secp256k1",
    args: ["ecparam", "-genkey", "-noout", "-name", "secp256k1"],
    code: "UnsupportedKey",
    words: "secp256k1",
  },
  {
    name: "a curve given by parameters",
    args: ["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-param_enc", "explicit"],
    code: "UnsupportedKey",
    words: "curve parameters",
  },
  { name: "Ed448", args: ["genpkey", "-algorithm", "ED448"], code: "UnsupportedKey", words: "ed448" },
  {
    name: "RSA-PSS",
    args: ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    code: "UnsupportedKey",
    words: "rsa-pss",
  },
])("a CA key that is $name is refused", async ({ args, code, words }) => {
  const keyFile = makeKey(...args);
  await expectRefusal(importNow(certify(keyFile), keyFile), code, words);
});

test("an expired or future CA is refused, at any later load too", async () => {
  const keyFile = p256();
  const certificateFile = certify(keyFile);
  const day = 86_400_000;
  await expectRefusal(
    importNow(certificateFile, keyFile, new Date(Date.now() + 31 * day)),
    "IssuerExpired",
    "expired at",
  );
  await expectRefusal(importNow(certificateFile, keyFile, new Date(Date.now() - day)), "IssuerNotYetValid", "clock");
  const { description } = await importNow(certificateFile, keyFile);
  await expect(custody.loadIssuer(description.id, new Date(Date.now() + 31 * day))).rejects.toMatchObject({
    code: "IssuerExpired",
  });
});

test("a key of another certificate is refused", async () => {
  const certificateFile = certify(p256());
  await expectRefusal(importNow(certificateFile, p256()), "KeyMismatch", certificateFile);
});

test.each<{ name: string; args: readonly string[] }>([
  { name: "PKCS#8", args: ["pkcs8", "-topk8"] },
  { name: "traditional", args: ["ec", "-aes256"] },
])("a key under a passphrase ($name) is refused with the way out", async ({ args }) => {
  const keyFile = p256();
  const certificateFile = certify(keyFile);
  const encrypted = at("encrypted.key");
  openssl(...args, "-in", keyFile, "-passout", "pass:secret", "-out", encrypted);
  await expectRefusal(importNow(certificateFile, encrypted), "EncryptedPrivateKey", "openssl pkey -in");
});

test.each<{ name: string; edit: (file: string) => void; words: string }>([
  { name: "two certificates", edit: (file) => appendFileSync(file, readFileSync(file)), words: "exactly one" },
  { name: "no certificate", edit: (file) => writeFileSync(file, "nothing here"), words: "found: none" },
  {
    name: "an unfinished block",
    edit: (file) => writeFileSync(file, readFileSync(file, "utf8").replace(/-----END.*/s, "")),
    words: "does not end",
  },
  {
    name: "another label",
    edit: (file) => writeFileSync(file, readFileSync(file, "utf8").replaceAll("CERTIFICATE", "X509 CRL")),
    words: "X509 CRL",
  },
  {
    name: "broken base64",
    edit: (file) => writeFileSync(file, readFileSync(file, "utf8").replace("\nMII", "\n!II")),
    words: "base64",
  },
  { name: "cut DER", edit: (file) => rewriteDer(file, (der) => der.subarray(0, -1)), words: "damaged" },
  {
    name: "octets after the DER",
    edit: (file) => rewriteDer(file, (der) => Buffer.concat([der, Buffer.of(0)])),
    words: "damaged",
  },
])("a certificate file with $name is refused", async ({ edit, words }) => {
  const keyFile = p256();
  const certificateFile = certify(keyFile);
  edit(certificateFile);
  await expectRefusal(importNow(certificateFile, keyFile), "InvalidCertificate", words);
});

test.each<{ name: string; content: (key: string) => string; words: string }>([
  { name: "two keys", content: (key) => key + key, words: "2 blocks" },
  { name: "no key", content: () => "", words: "0 blocks" },
  { name: "a public key", content: (key) => key.replaceAll("PRIVATE", "PUBLIC"), words: "PUBLIC KEY" },
  { name: "damaged octets", content: (key) => key.replace("\nM", "\nA"), words: "damaged" },
])("a key file with $name is refused", async ({ content, words }) => {
  const keyFile = p256();
  const certificateFile = certify(keyFile);
  writeFileSync(keyFile, content(readFileSync(keyFile, "utf8")));
  await expectRefusal(importNow(certificateFile, keyFile), "InvalidPrivateKey", words);
});

test("files that are not there are named", async () => {
  const keyFile = p256();
  await expectRefusal(importNow(at("absent.crt"), keyFile), "FileUnreadable", "absent.crt");
  await expectRefusal(importNow(certify(keyFile), at("absent.key")), "FileUnreadable", "absent.key");
  await expectRefusal(importNow(home, keyFile), "FileUnreadable", home);
});

async function expectRefusal(refused: Promise<unknown>, code: string, words: string): Promise<void> {
  await expect(refused).rejects.toMatchObject({ name: "CustodyError", code, message: expect.stringContaining(words) });
  expect(readdirSync(join(home, `keys-${counter}`))).toEqual(["derivation-root.sealed", "encryption.key"]);
}

function rewriteDer(file: string, change: (der: Buffer) => Buffer): void {
  const base64 = change(new X509Certificate(readFileSync(file)).raw).toString("base64");
  writeFileSync(file, `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
}
