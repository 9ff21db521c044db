import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { REVOCATION_REASONS } from "../../../services/certificate-authority/domain/revocation.ts";
import {
  createSigner,
  type Signer,
  type SigningIssuer,
} from "../../../services/certificate-authority/signer/signer.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { buildIntent } from "../../builders/intent.ts";
import { type BuiltIssuer, buildIssuer } from "../../builders/issuer.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const directory = temporaryDirectory();
const opened: Signer[] = [];
const THIS = new Date("2026-03-01T10:20:30Z");
const TIMES = { number: 1_767_323_045_123, thisUpdate: THIS, nextUpdate: new Date("2056-03-08T10:20:30Z") };

afterEach(async () => {
  await Promise.all(opened.splice(0).map((signer) => signer.close()));
});

function signerOf(...issuers: readonly SigningIssuer[]): Signer {
  const clock = { now: () => new Date() };
  const signer = createSigner({ issuers, workers: 1, clock, logger: createLogger({ level: "silent" }) });
  opened.push(signer);
  return signer;
}

const idOf = ({ certificateDer }: Pick<BuiltIssuer, "certificateDer">): string =>
  createHash("sha256").update(certificateDer).digest("hex");

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** What openssl prints of a CRL whose signature it takes; it says so on standard error alone. */
function verified(crl: string, ca: string): string {
  const args = ["crl", "-in", crl, "-inform", "DER", "-noout", "-text", "-CAfile", ca, "-verify"];
  const { stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  expect(stderr).toContain("verify OK");
  return stdout;
}

test.each(["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"] as const)(
  "openssl takes the CRL of an %s issuer, and sees what is in it",
  async (algorithm) => {
    const issuer = buildIssuer(algorithm);
    const { revocationLists } = signerOf(issuer);
    const entries = revocationLists.newEntries();
    for (const [index, reason] of REVOCATION_REASONS.entries()) {
      entries.add({ serial: `8${index}ab`, at: new Date(THIS.getTime() - index * 1000), reason });
    }
    const der = await revocationLists.signRevocationList(idOf(issuer), entries, TIMES);
    const crl = file("test.crl", der);
    const ca = file("ca.pem", issuer.certificatePem);
    const text = verified(crl, ca);
    expect(text).toContain("Version 2 (0x1)");
    expect(text).toContain("Last Update: Mar  1 10:20:30 2026 GMT");
    expect(text).toContain("Next Update: Mar  8 10:20:30 2056 GMT");
    expect(text).toMatch(/X509v3 Authority Key Identifier: \n +[0-9A-F:]{59}/);
    const { number } = TIMES;
    expect(text).toMatch(new RegExp(`X509v3 CRL Number: \\n +(${number}|0x${number.toString(16)})`, "i"));
    const reasons = [...text.matchAll(/CRL Reason Code: \n +(.+)/g)].map(([, reason]) => reason);
    expect(reasons).toEqual([
      ...["Key Compromise", "CA Compromise", "Affiliation Changed", "Superseded", "Cessation Of Operation"],
      "Privilege Withdrawn",
    ]);
    expect(text.match(/Serial Number: 8[0-6]AB/g)).toHaveLength(REVOCATION_REASONS.length);
    expect(text).toContain("Revocation Date: Mar  1 10:20:24 2026 GMT");
  },
);

test("an empty CRL has no list, and openssl verifies certificates with it", async () => {
  const issuer = buildIssuer();
  const { revocationLists, signer } = signerOf(issuer);
  const leaf = await signer.sign(buildIntent(), idOf(issuer));
  const certificate = file("leaf.pem", leaf.pem);
  const ca = file("ca.pem", issuer.certificatePem);
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const times = { number: 1, thisUpdate: now, nextUpdate: new Date(now.getTime() + 3_600_000) };
  const entries = revocationLists.newEntries();
  const check = async (): Promise<string> => {
    const crl = file("current.crl", await revocationLists.signRevocationList(idOf(issuer), entries, times));
    const pem = file("current.pem", openssl("crl", "-in", crl, "-inform", "DER"));
    return openssl("verify", "-crl_check", "-CRLfile", pem, "-CAfile", ca, certificate);
  };
  expect(
    openssl(
      "crl",
      "-in",
      file("empty.crl", await revocationLists.signRevocationList(idOf(issuer), entries, times)),
      "-noout",
      "-text",
    ),
  ).toContain("No Revoked Certificates");
  expect(await check()).toContain("OK");
  entries.add({ serial: "01", at: now, reason: "unspecified" });
  expect(await check()).toContain("OK");
  entries.add({ serial: leaf.serial, at: now, reason: "keyCompromise" });
  await expect(check()).rejects.toThrow(/certificate revoked/);
});

test("certificates say where their CRL and OCSP are, when that is configured; unchecked ones say that instead", async () => {
  const issuer = buildIssuer();
  const asked: string[] = [];
  const pointersOf = (issuerId: string) => {
    asked.push(issuerId);
    return { crlUrl: "http://pki.example.com/a.crl", ocspUrl: "http://ocsp.example.com/v1/ocsp" };
  };
  const clock = { now: () => new Date() };
  const logger = createLogger({ level: "silent" });
  const signer = createSigner({ issuers: [issuer], workers: 1, pointersOf, clock, logger });
  opened.push(signer);
  const shown = async (intent: Parameters<typeof signer.signer.sign>[0]) => {
    const { pem } = await signer.signer.sign(intent, idOf(issuer));
    return openssl("x509", "-in", file("pointing.pem", pem), "-noout", "-text");
  };
  const text = await shown(buildIntent());
  expect(asked).toEqual([idOf(issuer)]);
  expect(text).toContain("OCSP - URI:http://ocsp.example.com/v1/ocsp");
  expect(text).toMatch(/X509v3 CRL Distribution Points: \n +Full Name:\n +URI:http:\/\/pki.example.com\/a.crl/);
  const unchecked = await shown(buildIntent({ isUnchecked: true, extendedKeyUsages: ["ocspSigning"] }));
  expect(unchecked).toContain("OCSP No Check");
  expect(unchecked).not.toContain("URI:");
});

test("an issuer without a key identifier signs CRLs without the authority's", async () => {
  const issuer = buildIssuer("ecdsa-p256", { withoutKeyIdentifier: true });
  const { revocationLists } = signerOf(issuer);
  const der = await revocationLists.signRevocationList(idOf(issuer), revocationLists.newEntries(), TIMES);
  const text = openssl("crl", "-in", file("none.crl", der), "-noout", "-text");
  expect(text).not.toContain("Authority Key Identifier");
  expect(text).toContain("X509v3 CRL Number");
});

/** A key that is elsewhere. */
function remote(key: KeyObject, issuer: BuiltIssuer): SigningIssuer {
  const spkiDer = createPublicKeyDer(issuer);
  return {
    certificateDer: issuer.certificateDer,
    privateKey: {
      ...{ kind: "remote", spkiDer, problem: undefined },
      sign: async (digest, data) => sign(digest, data, key),
    },
  };
}

function createPublicKeyDer({ privateKey }: BuiltIssuer): Uint8Array {
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  return Buffer.from(openssl("pkey", "-in", file("key.pem", pem), "-pubout").replace(/-----.*-----|\n/g, ""), "base64");
}

test("a key that is elsewhere signs CRLs; what it signs wrongly does not leave", async () => {
  const issuer = buildIssuer();
  const { revocationLists } = signerOf(remote(issuer.privateKey, issuer));
  const der = await revocationLists.signRevocationList(idOf(issuer), revocationLists.newEntries(), TIMES);
  const ca = file("ca.pem", issuer.certificatePem);
  verified(file("remote.crl", der), ca);
  const { privateKey: wrong } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const faulty = signerOf(remote(wrong, issuer)).revocationLists;
  await expect(faulty.signRevocationList(idOf(issuer), faulty.newEntries(), TIMES)).rejects.toMatchObject({
    reason: "InternalError",
  });
});

test("an issuer that is not known, or may not, signs no CRL", async () => {
  const { revocationLists } = signerOf(buildIssuer());
  await expect(
    revocationLists.signRevocationList("00".repeat(32), revocationLists.newEntries(), TIMES),
  ).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  const issuer = buildIssuer("ecdsa-p256", { keyUsage: 0x04 });
  const other = signerOf(issuer).revocationLists;
  await expect(other.signRevocationList(idOf(issuer), other.newEntries(), TIMES)).rejects.toMatchObject({
    reason: "Conflict",
  });
});
